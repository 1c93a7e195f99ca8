#include "sshd-plugin/forced_command.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "sshd-plugin/command_line.h"

using namespace gerve::sshd;
using namespace std::chrono_literals;

TEST_CASE("the forced command is understood as words and as a login shell gets it") {
    CHECK(parse_invocation({"aGFuZGxl"})->handle == "aGFuZGxl");
    CHECK(parse_invocation({"aGFuZGxl"})->socket == "/run/gerve/authz.sock");
    const auto whole =
        parse_invocation({"-c", "/usr/lib/gerve/gerve-shell --socket /s --notice=/n aGFuZGxl=="});
    REQUIRE(whole.has_value());
    CHECK(whole->socket == "/s");
    CHECK(whole->notice == "/n");
    CHECK(whole->handle == "aGFuZGxl==");
}

TEST_CASE("what gerve-authorized-keys does not write is refused") {
    const std::vector<std::vector<std::string>> refused{
        {},
        {"-c"},
        {"-c", ""},
        {"-c", "git-upload-pack 'a/b'"},
        {"-c", "/usr/lib/gerve/gerve-shell"},
        {"-c", "/usr/lib/gerve/gerve-shell a b"},
        {"-c", "/usr/lib/gerve/gerve-shell a; id"},
        {"-c", "/usr/lib/gerve/gerve-shell  a"},
        {"-c", "/usr/lib/gerve/gerve-shell a\nid"},
        {"-c", "/bin/sh aGFuZGxl"},
        {"-c", std::string(20'000, 'a')},
        {"--socket", "/s"},
        {"--socket", "s", "aGFuZGxl"},
        {"--what", "x", "aGFuZGxl"},
        {"a", "b"},
        {std::string(1025, 'a')},
        {"a\"b"},
    };
    for (const auto& words : refused) {
        CAPTURE(words.size());
        CHECK_FALSE(parse_invocation(words).has_value());
    }
}

TEST_CASE("three variables are taken, and the environment is empty behind them") {
    ::setenv("SSH_ORIGINAL_COMMAND", "git-upload-pack 'a/b'", 1);
    ::setenv("GIT_PROTOCOL", "version=2", 1);
    ::setenv("SSH_CONNECTION", "192.0.2.7 51234 192.0.2.1 22", 1);
    ::setenv("GIT_CONFIG_COUNT", "1", 1);
    const ClientRequest request = take_environment();
    CHECK(request.command == "git-upload-pack 'a/b'");
    CHECK(request.git_protocol == "version=2");
    CHECK(request.address == "192.0.2.7");
    CHECK((environ == nullptr || *environ == nullptr));
    const ClientRequest nothing = take_environment();
    CHECK_FALSE(nothing.command.has_value());
    CHECK(nothing.address.empty());
}

TEST_CASE("a time is 50 ms to a minute") {
    CHECK(*parse_patience("2s") == 2000ms);
    CHECK(*parse_patience("2") == 2000ms);
    CHECK(*parse_patience("1500ms") == 1500ms);
    for (const char* text : {"", "s", "49ms", "61s", "-1", "2m", "99999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_patience(text).has_value());
    }
}

#include "gerve/cli/import/authorized_keys.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

#include "authz/base/fd.h"
#include "authz/base/text.h"

using namespace gerve;

namespace {

std::string public_key_line(const std::string& name, const std::string& comment = "") {
    const std::string line = *read_file(std::string(TEST_KEYS) + "/" + name);
    const auto words = split(trim(line), ' ');
    return std::string(words[0]) + " " + std::string(words[1]) + (comment.empty() ? "" : " " + comment);
}

AuthorizedChoices choices_of(std::optional<Login> user = std::nullopt, bool ignore_from = false) {
    return {std::move(user), ignore_from, [](const Login& login) { return login.text() == "alice"; },
            1'800'000'000'000};
}

// Whose the one key of the line is, or why it is not taken.
std::string taken_from(const std::string& line, const AuthorizedChoices& choices = choices_of()) {
    const auto plan = plan_authorized_keys("file", line, choices);
    if (plan.keys.size() == 1) return plan.keys[0].login.text();
    return plan.findings.empty() ? "nothing" : plan.findings[0].why;
}

}  // namespace

TEST_CASE("options are read as sshd reads them") {
    const std::string key = public_key_line("ed25519.pub", "a comment");
    const auto line =
        parse_authorized_line("No-PTY,command=\"say \\\"a, b\\\" x\",from=\"10.0.0.0/8,!10.1.1.1\" \t" + key);
    REQUIRE(line);
    REQUIRE(line->options.size() == 3);
    CHECK(line->options[0].name == "no-pty");
    CHECK_FALSE(line->options[0].value);
    CHECK(line->options[1].value == "say \"a, b\" x");
    CHECK(line->options[2].value == "10.0.0.0/8,!10.1.1.1");
    CHECK(line->key.comment() == "a comment");
    CHECK(parse_authorized_line(key)->options.empty());
}

TEST_CASE("a line that sshd would not take is not taken, and says why") {
    const std::string key = public_key_line("ed25519.pub");
    for (const std::string& line :
         {"command=\"x " + key, "command=x " + key, "=\"x\" " + key, "no-pty, " + key, ",no-pty " + key,
          "command=\"x\"no-pty " + key, std::string("no-pty"), key.substr(0, 40), std::string("\x01\xff"),
          "no-pty no-pty " + key}) {
        CAPTURE(line);
        const auto parsed = parse_authorized_line(line);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().kind == ErrorKind::client);
        const auto plan = plan_authorized_keys("f", "\n# comment\n" + line + "\n", choices_of());
        REQUIRE(plan.findings.size() == 1);
        CHECK(plan.findings[0].place.text() == "f:3");
        CHECK(plan.keys.empty());
    }
}

TEST_CASE("the user is who the command names") {
    CHECK(user_in_command("/usr/share/gitolite3/gitolite-shell alice") == "alice");
    CHECK(user_in_command("gitolite-shell alice keydir/alice.pub") == "alice");
    CHECK(user_in_command("/opt/bin/gl-auth-command bob") == "bob");
    CHECK(user_in_command("gitosis-serve bob") == "bob");
    for (const char* command :
         {"", "gitolite-shell", "gitolite-shell ", "sh -c gitolite-shell alice", "gitolite-shell a b c",
          "/usr/bin/gitea serv key-1", "my-gitolite-shell alice"}) {
        CAPTURE(command);
        CHECK_FALSE(user_in_command(command));
    }
    const std::string key = public_key_line("ed25519.pub", "eve@laptop");
    const std::string shell = "command=\"/x/gitolite-shell bob\",no-port-forwarding,no-pty ";
    CHECK(taken_from(shell + key) == "bob");
    CHECK(taken_from(shell + key, choices_of(*Login::parse("bob"))) == "bob");
    CHECK(taken_from(shell + key, choices_of(*Login::parse("eve"))).find("belongs to bob") !=
          std::string::npos);
    CHECK(taken_from("command=\"rsync --server\" " + key, choices_of(*Login::parse("eve")))
              .find("names no user") != std::string::npos);
}

TEST_CASE("without a command the comment counts, where a user has that login") {
    CHECK(taken_from(public_key_line("ed25519.pub", "alice")) == "alice");
    CHECK(taken_from(public_key_line("ed25519.pub", "alice@laptop")) == "alice");
    CHECK(taken_from(public_key_line("ed25519.pub", "root@server")).find("whose it is") != std::string::npos);
    CHECK(taken_from(public_key_line("ed25519.pub", "the key of alice")).find("whose it is") !=
          std::string::npos);
    CHECK(taken_from(public_key_line("ed25519.pub")).find("whose it is") != std::string::npos);
    CHECK(taken_from(public_key_line("ed25519.pub", "root@server"), choices_of(*Login::parse("bob"))) ==
          "bob");
}

TEST_CASE("a key that is limited does not get more, unless that is asked for") {
    const auto bob = *Login::parse("bob");
    const std::string key = public_key_line("ed25519.pub");
    CHECK(taken_from("from=\"10.0.0.1\" " + key, choices_of(bob)).find("--ignore-from") != std::string::npos);
    CHECK(taken_from("from=\"10.0.0.1\" " + key, choices_of(bob, true)) == "bob");
    CHECK(taken_from("cert-authority " + key, choices_of(bob)).find("gerve ca add") != std::string::npos);
    CHECK(taken_from("principals=\"a\" " + key, choices_of(bob)).find("does not know") != std::string::npos);
    CHECK(taken_from("future-limit " + key, choices_of(bob)).find("does not know") != std::string::npos);
    CHECK(taken_from("restrict,pty,permitopen=\"h:1\",no-X11-forwarding " + key, choices_of(bob)) == "bob");
    const auto both =
        plan_authorized_keys("f", "from=\"10.0.0.1\" " + key + "\n" + key + "\n", choices_of(bob));
    CHECK(both.keys.empty());
    CHECK(both.findings.size() == 2);
}

TEST_CASE("a security key is taken, and needs no touch if the line says so") {
    const auto bob = *Login::parse("bob");
    const std::string key = public_key_line("sk-ed25519.pub");
    CHECK(taken_from(key, choices_of(bob)) == "bob");
    const auto untouched = plan_authorized_keys("f", "no-touch-required " + key, choices_of(bob));
    REQUIRE(untouched.keys.size() == 1);
    CHECK(untouched.findings.empty());
    CHECK(untouched.keys[0].no_touch_required);
    const auto touched = plan_authorized_keys(
        "f", key + "\nno-touch-required " + public_key_line("ed25519.pub"), choices_of(bob));
    REQUIRE(touched.keys.size() == 2);
    CHECK_FALSE(touched.keys[0].no_touch_required);
    CHECK_FALSE(touched.keys[1].no_touch_required);
    CHECK(taken_from("verify-required " + key, choices_of(bob)).find("PIN") != std::string::npos);
}

TEST_CASE("a key expires when it did") {
    CHECK(parse_expiry_time("20300102Z") == 1'893'542'400'000);
    CHECK(parse_expiry_time("203001021530Z") == 1'893'598'200'000);
    CHECK(parse_expiry_time("20300102153059Z") == 1'893'598'259'000);
    ::setenv("TZ", "UTC-2", 1);
    ::tzset();
    CHECK(parse_expiry_time("20300102") == 1'893'535'200'000);
    ::unsetenv("TZ");
    ::tzset();
    for (const char* text :
         {"", "Z", "2030", "20300229", "20301301", "203001022460", "203001022500Z", "2030010a"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_expiry_time(text));
    }
    const auto bob = *Login::parse("bob");
    const std::string key = public_key_line("ed25519.pub");
    const auto plan = plan_authorized_keys("f", "expiry-time=\"20300102Z\" " + key, choices_of(bob));
    REQUIRE(plan.keys.size() == 1);
    CHECK(plan.keys[0].expires == 1'893'542'400'000);
    CHECK(taken_from("expiry-time=\"20200102Z\" " + key, choices_of(bob)) == "not taken: expired");
    CHECK(taken_from("expiry-time=\"soon\" " + key, choices_of(bob)).find("YYYYMMDD") != std::string::npos);
}

TEST_CASE("no bytes make the parser fail otherwise than by an error") {
    const std::string key = public_key_line("ed25519.pub");
    const std::string pieces[] = {"command=",
                                  "\"",
                                  "\\\"",
                                  ",",
                                  " ",
                                  "from=",
                                  "no-pty",
                                  "=",
                                  key,
                                  "\t",
                                  "\\",
                                  "\xff",
                                  "gitolite-shell x",
                                  "\n",
                                  "#",
                                  "expiry-time=\"20300102Z\""};
    unsigned state = 7;
    for (int round = 0; round < 5000; ++round) {
        std::string text;
        for (int i = 0; i < 8; ++i) {
            state = state * 1664525 + 1013904223;
            text += pieces[(state >> 16) % std::size(pieces)];
        }
        CAPTURE(text);
        const auto plan = plan_authorized_keys("f", text, choices_of(*Login::parse("bob")));
        CHECK(plan.keys.size() <= 1);
    }
}

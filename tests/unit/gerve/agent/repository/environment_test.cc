#include "gerve/agent/repository/environment.h"

#include <doctest/doctest.h>

namespace gerve {
namespace {

Open plain_open() {
    Open open;
    open.owner = "o";
    open.storage_path = "o/r.git";
    return open;
}

TEST_CASE("the environment holds what the specification names and nothing else") {
    Open open = plain_open();
    open.git_protocol = "version=2";
    open.env = {{"GERVE_USER", "mojombo"}, {"GERVE_KEY", "SHA256:abc"}};
    open.config = {{"receive.maxInputSize", "1000"}};
    const auto environment = git_environment(open, "/srv/git/o/r.git");
    REQUIRE(environment);
    CHECK(environment->sets(".maxinputsize"));
    CHECK_FALSE(environment->sets(".hiderefs"));
    CHECK(environment->lines() ==
          std::vector<std::string>{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8",
                                   "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory",
                                   "GIT_CONFIG_VALUE_0=/srv/git/o/r.git",
                                   "GIT_CONFIG_KEY_1=receive.maxInputSize", "GIT_CONFIG_VALUE_1=1000",
                                   "GIT_PROTOCOL=version=2", "GERVE_USER=mojombo", "GERVE_KEY=SHA256:abc"});
}

TEST_CASE("variables off the list, twice, or with control characters are refused") {
    const auto accepted = [](std::vector<NameValue> env) {
        Open open = plain_open();
        open.env = std::move(env);
        return git_environment(open, "/p").has_value();
    };
    CHECK(accepted({{"GERVE_PROTOCOL", "ssh"}, {"GERVE_REMOTE_ADDR", "2001:db8::1"}, {"GERVE_USER_ID", ""}}));
    CHECK(accepted({{"GERVE_USER", "a=b;c $(d)"}}));  // a value is only ever a value
    for (const char* name : {"LD_PRELOAD", "GIT_DIR", "GIT_CONFIG_COUNT", "GIT_PROTOCOL", "PATH",
                             "gerve_user", "GERVE_", "GERVE_OTHER", "GERVE_USER ", "GIT_SSH_COMMAND"}) {
        CAPTURE(name);
        CHECK_FALSE(accepted({{name, "x"}}));
    }
    CHECK_FALSE(accepted({{"GERVE_USER", "a"}, {"GERVE_USER", "b"}}));
    CHECK_FALSE(accepted({{"GERVE_USER", "a\nGIT_DIR=/x"}}));
    CHECK_FALSE(accepted({{"GERVE_USER", std::string(5000, 'x')}}));
}

TEST_CASE("only configuration that cannot run anything is let through") {
    const auto accepted = [](std::vector<NameValue> config) {
        Open open = plain_open();
        open.config = std::move(config);
        return git_environment(open, "/p").has_value();
    };
    CHECK(accepted(
        {{"Receive.MaxInputSize", "1"}, {"transfer.hideRefs", "refs/a"}, {"transfer.hideRefs", "refs/b"}}));
    for (const char* key : {"core.hooksPath", "uploadpack.packObjectsHook", "core.sshCommand",
                            "core.fsmonitor", "safe.directory", "include.path", "alias.x",
                            "receive.procReceiveRefs", "", "receive.maxInputSize ", "gc.auto"}) {
        CAPTURE(key);
        CHECK_FALSE(accepted({{key, "x"}}));
    }
    CHECK_FALSE(accepted({{"receive.maxInputSize", "1\n2"}}));
    CHECK_FALSE(accepted(std::vector<NameValue>(33, NameValue{"transfer.hideRefs", "refs/a"})));
}

TEST_CASE("GIT_PROTOCOL keeps to its grammar") {
    Open open = plain_open();
    open.git_protocol = "version=2:LD_PRELOAD=x";
    CHECK_FALSE(git_environment(open, "/p"));
    open.git_protocol = "version=1:object-format=sha1";
    CHECK(git_environment(open, "/p"));
}

}  // namespace
}  // namespace gerve

#include "authz/model/hook_variables.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("a variable of hooks is none that the system, git, the agent or a forge's checks go by") {
    for (const char* name : {"GITEA_PUSHER_ID", "GITEA_REPO_IS_WIKI", "GL_ID", "X", "A_1", "HOMEPAGE",
                             "SSH_ORIGINAL_COMMAND", "ENVIRONMENT", "PATHS"}) {
        CAPTURE(name);
        CHECK(is_hook_variable_name(name));
    }
    for (const char* name : {"",
                             "a",
                             "gl_id",
                             "GL-ID",
                             "GL ID",
                             "1A",
                             "_A",
                             "A=B",
                             "A\nB",
                             "PATH",
                             "HOME",
                             "ENV",
                             "IFS",
                             "USER",
                             "BASH_ENV",
                             "BASH_FUNC_ls%%",
                             "BASHOPTS",
                             "LD_PRELOAD",
                             "LD_LIBRARY_PATH",
                             "GIT_DIR",
                             "GIT_CONFIG_COUNT",
                             "GIT_PUSH_OPTION_0",
                             "GIT_QUARANTINE_PATH",
                             "GERVE_USER",
                             "GERVE_OWN_HOOKS",
                             "SSH_CONNECTION",
                             "SSH_AUTH_SOCK",
                             "XDG_CONFIG_HOME",
                             "GNUPGHOME",
                             "HTTP_PROXY",
                             "HTTPS_PROXY",
                             "PYTHONPATH",
                             "GODEBUG",
                             "SSL_CERT_FILE",
                             "GITEA_INTERNAL_PUSH",
                             "GITEA_PUSH_TRIGGER",
                             "GITEA_ACTION_PERM",
                             "GITEA_ACTIONS_TASK_ID",
                             "GITEA_PR_INDEX",
                             "GITEA_PR_ID",
                             "GITEA_WORK_DIR",
                             "GITEA_CUSTOM",
                             "FORGEJO_WORK_DIR",
                             "GITEA__SERVER__ROOT_URL",
                             "FORGEJO__SECURITY__INTERNAL_TOKEN",
                             "GITEA_RUN_MODE",
                             "GITEA_NOT_KNOWN_YET",
                             "FORGEJO_NOT_KNOWN_YET",
                             "SSLKEYLOGFILE",
                             "TMOUT"}) {
        CAPTURE(name);
        CHECK_FALSE(is_hook_variable_name(name));
    }
    CHECK(is_hook_variable_name(std::string(HookVariables::max_name, 'A')));
    CHECK_FALSE(is_hook_variable_name(std::string(HookVariables::max_name + 1, 'A')));
}

TEST_CASE("a set of variables has each name once, clean values, and room in a ticket") {
    HookVariables hooks;
    REQUIRE(hooks.add("A", "1=2 'x' \xc3\xa9").has_value());
    REQUIRE(hooks.add("B", "").has_value());
    CHECK_FALSE(hooks.add("A", "2").has_value());
    for (const std::string& value : {std::string("a\nb"), std::string("a\0b", 3), std::string("\x1b[0m"),
                                     std::string("\x7f"), std::string(HookVariables::max_value + 1, 'x')})
        CHECK_FALSE(hooks.add("C", value).has_value());
    CHECK(hooks.list() == std::vector<NameValue>{{"A", "1=2 'x' \xc3\xa9"}, {"B", ""}});
    CHECK(*hooks.find("A") == "1=2 'x' \xc3\xa9");
    CHECK(hooks.find("C") == nullptr);
}

TEST_CASE("sets are bounded by number and by bytes, and are joined whole or not at all") {
    HookVariables many;
    for (std::size_t i = 0; i < HookVariables::max_count; ++i)
        REQUIRE(many.add("V" + std::to_string(i), "x").has_value());
    CHECK_FALSE(many.add("W", "x").has_value());

    HookVariables large;
    REQUIRE(large.add("A", std::string(HookVariables::max_value, 'x')).has_value());
    CHECK_FALSE(large.add("B", std::string(HookVariables::max_value, 'x')).has_value());
    REQUIRE(large.add("B", std::string(HookVariables::max_value - 2, 'x')).has_value());
    CHECK_FALSE(large.add("C", "").has_value());

    HookVariables one;
    REQUIRE(one.add("Z", "1").has_value());
    REQUIRE(one.add("A", "1").has_value());
    HookVariables other;
    REQUIRE(other.add("Y", "1").has_value());
    REQUIRE(other.add("A", "2").has_value());
    const HookVariables before = one;
    CHECK_FALSE(one.add(other).has_value());
    CHECK(one == before);
}

#include "gerve/cli/suggestion.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("a word of another program leads to the command of the same meaning") {
    const std::set<std::string> user{"add", "list", "suspend", "unsuspend", "rename", "remove"};
    const std::set<std::string> key{"add", "list", "show", "revoke", "move", "extend"};
    const std::set<std::string> repo{"create", "list", "rename", "delete", "archive", "disable"};
    for (const char* word : {"delete", "rm", "del", "DELETE", "destroy"}) {
        CAPTURE(word);
        CHECK(suggest_command(word, user) == "remove");
        CHECK(suggest_command(word, key) == "revoke");
    }
    for (const char* word : {"remove", "rm", "del"}) CHECK(suggest_command(word, repo) == "delete");
    CHECK(suggest_command("ls", repo) == "list");
    CHECK(suggest_command("new", user) == "add");
    CHECK(suggest_command("create", key) == "add");
    CHECK(suggest_command("add", repo) == "create");
    CHECK(suggest_command("new", repo) == "create");
    CHECK(suggest_command("mv", user) == "rename");
    CHECK(suggest_command("renew", key) == "extend");
    CHECK(suggest_command("get", user) == "list");
    CHECK(suggest_command("repository", {"repo", "key"}) == "repo");
}

TEST_CASE("a slip of the fingers leads to what is spelled nearly alike, and nonsense to nothing") {
    const std::set<std::string> user{"add", "list", "suspend", "unsuspend"};
    CHECK(suggest_command("ad", user) == "add");
    CHECK(suggest_command("lsit", user) == "list");
    CHECK(suggest_command("keys", {"key", "repo"}) == "key");
    CHECK_FALSE(suggest_command("frobnicate", user).has_value());
    CHECK_FALSE(suggest_command("", user).has_value());
}

#include "authz/os/system_user.h"

#include <doctest/doctest.h>
#include <pwd.h>

using namespace gerve;

TEST_CASE("a user is found by name and by number") {
    const auto root = find_system_user(uid_t{0});
    REQUIRE(root);
    CHECK(root->name == "root");
    CHECK(root->home == ::getpwuid(0)->pw_dir);
    const auto same = find_system_user("root");
    REQUIRE(same);
    CHECK(same->uid == 0);
    CHECK(same->gid == root->gid);
    CHECK(same->shell == root->shell);
    CHECK(system_user_text(0) == "root");
}

TEST_CASE("a user that does not exist is not found") {
    CHECK_FALSE(find_system_user("gerve-no-such-user"));
    CHECK_FALSE(find_system_user(""));
    CHECK_FALSE(find_system_user(uid_t{4'000'000'000}));
    CHECK(system_user_text(4'000'000'000) == "uid 4000000000");
}

#include "gerve/cli/import/gitolite_keydir.h"

#include <doctest/doctest.h>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

std::string stored_key(const std::string& name) {
    return *read_file(std::string(TEST_KEYS) + "/" + name);
}

}  // namespace

TEST_CASE("the name of a key file names its user") {
    const std::pair<const char*, const char*> names[] = {
        {"keydir/alice.pub", "alice"},
        {"keydir/office/laptop/alice.pub", "alice"},
        {"keydir/alice@laptop.pub", "alice"},
        {"keydir/alice@example.com.pub", "alice@example.com"},
        {"keydir/alice@example.com@laptop.pub", "alice@example.com"},
        {"keydir/a@b@c.pub", "a"},
        {"keydir/alice.b@home.pub", "alice.b"},
        {"keydir/alice@.pub", "alice@"},
        {"keydir/alice.pub.pub", "alice.pub"},
        {"keydir/at@home/bob.pub", "bob"},
    };
    for (const auto& [path, user] : names) CHECK(gitolite_user_of(path) == user);
}

TEST_CASE("a user has the keys of all files with the name, each once") {
    const Keydir keydir = sort_keydir({{"k/alice.pub", stored_key("ed25519.pub")},
                                       {"k/home/alice@home.pub", stored_key("rsa2048.pub")},
                                       {"k/old/alice.pub", stored_key("ed25519.pub")}});
    CHECK(keydir.findings.empty());
    REQUIRE(keydir.users.size() == 1);
    REQUIRE(keydir.users.at("alice").size() == 2);
    CHECK(keydir.users.at("alice")[0].path == "k/alice.pub");
    CHECK(keydir.users.at("alice")[1].path == "k/home/alice@home.pub");
}

TEST_CASE("a file that gitolite or Gerve does not take leaves its user without that key") {
    const std::string key = stored_key("ed25519.pub");
    const Keydir keydir = sort_keydir({{"k/a.pub", key + "\n"},
                                       {"k/b.pub", "not a key\n"},
                                       {"k/c.pub", ""},
                                       {"k/d.pub", "from=\"10.0.0.1\" " + key},
                                       {"k/!e.pub", key}});
    CHECK(keydir.users.size() == 4);
    for (const auto& [user, keys] : keydir.users) CHECK(keys.empty());
    REQUIRE(keydir.findings.size() == 5);
    CHECK(keydir.findings[0].why.find("this one has 2") != std::string::npos);
    CHECK(keydir.findings[0].effect == ImportEffect::same);
    CHECK(keydir.findings[1].place.text() == "k/b.pub");
    CHECK(keydir.findings[1].effect == ImportEffect::less);
    CHECK(keydir.findings[4].place.text() == "k/!e.pub");
}

TEST_CASE("a key that two users have is taken for neither") {
    const std::string key = stored_key("ed25519.pub");
    const Keydir keydir =
        sort_keydir({{"k/a.pub", key}, {"k/b.pub", key}, {"k/b@home.pub", stored_key("rsa2048.pub")}});
    CHECK(keydir.users.at("a").empty());
    CHECK(keydir.users.at("b").size() == 1);
    REQUIRE(keydir.findings.size() == 2);
    CHECK(keydir.findings[0].why.starts_with("the same key is there for b as well"));
}

#include "authz/model/principal.h"

#include <doctest/doctest.h>

#include <type_traits>

using namespace gerve;

namespace {

const Fingerprint key_of_alice = Fingerprint::of_blob("alice's key");
const Fingerprint key_of_mallory = Fingerprint::of_blob("mallory's key");

KnownKey user_key(bool suspended = false) {
    return {KeyId{1}, key_of_alice, User{AccountId{7}, *Login::parse("Alice"), suspended}};
}
KnownKey deploy_key() {
    return {KeyId{2}, key_of_alice, DeployKey{RepoId{9}, *RepoPath::parse("o/r"), true}};
}

}  // namespace

TEST_CASE("a proof of one key never makes a principal of another") {
    for (const auto mint :
         {&Proof::from_verified_signature, &Proof::from_sealed_handle, &Proof::from_administrator}) {
        CHECK(Principal::make(mint(key_of_alice), user_key()).has_value());
        CHECK_FALSE(Principal::make(mint(key_of_mallory), user_key()).has_value());
        CHECK_FALSE(Principal::make(mint(key_of_mallory), deploy_key()).has_value());
    }
}

TEST_CASE("neither proof nor principal comes from nothing") {
    CHECK_FALSE(std::is_default_constructible_v<Proof>);
    CHECK_FALSE(std::is_constructible_v<Proof, Fingerprint>);
    CHECK_FALSE(std::is_default_constructible_v<Principal>);
    CHECK_FALSE(std::is_constructible_v<Principal, KnownKey>);
}

TEST_CASE("a user goes by the login, a deploy key by its repository") {
    const auto user = Principal::make(Proof::from_verified_signature(key_of_alice), user_key());
    REQUIRE(user.has_value());
    REQUIRE(user->user() != nullptr);
    CHECK(user->deploy_key() == nullptr);
    CHECK(user->name() == "Alice");
    CHECK_FALSE(user->suspended());

    const auto deploy = Principal::make(Proof::from_verified_signature(key_of_alice), deploy_key());
    REQUIRE(deploy.has_value());
    CHECK(deploy->user() == nullptr);
    REQUIRE(deploy->deploy_key() != nullptr);
    CHECK(deploy->deploy_key()->can_write);
    CHECK(deploy->name() == "o/r");
    CHECK_FALSE(deploy->suspended());
}

TEST_CASE("a suspended account stays known, and is said to be suspended") {
    const auto user = Principal::make(Proof::from_verified_signature(key_of_alice), user_key(true));
    REQUIRE(user.has_value());
    CHECK(user->suspended());
}

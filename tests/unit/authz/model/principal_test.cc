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
    for (const auto mint : {&Proof::from_sealed_handle, &Proof::from_administrator, &Proof::for_comparison}) {
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
    const auto user = Principal::make(Proof::from_sealed_handle(key_of_alice), user_key());
    REQUIRE(user.has_value());
    CHECK(user_of(user->holder()) != nullptr);
    CHECK_FALSE(is_deploy_key(user->holder()));
    CHECK(user->name() == "Alice");
    CHECK(audit_member_of(user->holder()) == "user");
    CHECK_FALSE(is_suspended(user->holder()));

    const auto deploy = Principal::make(Proof::from_sealed_handle(key_of_alice), deploy_key());
    REQUIRE(deploy.has_value());
    CHECK(user_of(deploy->holder()) == nullptr);
    CHECK(is_deploy_key(deploy->holder()));
    CHECK(deploy->name() == "o/r");
    CHECK(audit_member_of(deploy->holder()) == "deploy_key_of");
    CHECK_FALSE(is_suspended(deploy->holder()));
}

TEST_CASE("a suspended account stays known, and is said to be suspended") {
    const auto user = Principal::make(Proof::from_sealed_handle(key_of_alice), user_key(true));
    REQUIRE(user.has_value());
    CHECK(is_suspended(user->holder()));
}

TEST_CASE("a holder is the same by number and kind, whatever it is called") {
    const KeyHolder alice = user_key().holder;
    KeyHolder renamed = User{AccountId{7}, *Login::parse("Alicia")};
    CHECK(is_same_holder(alice, renamed));
    CHECK(identity_of(alice) == identity_of(renamed));
    CHECK_FALSE(is_same_holder(alice, User{AccountId{8}, *Login::parse("Alice")}));
    const KeyHolder repository = DeployKey{RepoId{7}, *RepoPath::parse("Alice/x"), false};
    CHECK_FALSE(is_same_holder(alice, repository));
    CHECK(identity_of(alice) != identity_of(repository));
}

TEST_CASE("a user by an organisation's authority has an identity of its own, by the instance's the user's") {
    const User alice{AccountId{7}, *Login::parse("Alice")};
    CertifiedUser certified{
        CertificateFacts{AuthorityId{1}, key_of_alice, std::nullopt, 1, "id", key_of_alice, 0}, alice};
    CHECK(identity_of(certified) == identity_of(alice));
    certified.certificate.organization = AccountId{9};
    const std::string by_nine = identity_of(certified);
    CHECK(by_nine != identity_of(alice));
    certified.certificate.organization = AccountId{10};
    CHECK(identity_of(certified) != by_nine);
}

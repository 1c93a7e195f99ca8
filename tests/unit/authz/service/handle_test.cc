#include "authz/service/handle.h"

#include "authz/base/text.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

const Handle of_user{KnownKey{KeyId{7}, make_key(1).fingerprint(), User{AccountId{3}, login("Alice"), true}},
                     PeerKind::worker, "connection c1", 1'234'567'890'123};
const Handle of_repository{
    KnownKey{KeyId{-1}, make_key(2).fingerprint(), DeployKey{RepoId{5}, repo("alice/site"), true}},
    PeerKind::authorized_keys, "", 0};

const CertificateFacts facts{AuthorityId{9},        make_key(3).fingerprint(), AccountId{4},     1ULL << 63,
                             std::string(255, 'k'), make_key(4).fingerprint(), 1'800'000'000'000};
const Handle of_certified{
    KnownKey{
        KeyId{0}, make_key(1).fingerprint(),
        CertifiedUser{facts, User{AccountId{3}, login("a234567890123456789012345678901234567890"), true}}},
    PeerKind::worker, std::string(255, 'b'), 5};

}  // namespace

TEST_CASE("the handle of a certificate says the same when it comes back, and fits the message") {
    const HandleSeal seal(TicketKey::make());
    const std::string text = seal.seal(of_certified);
    CHECK(text.size() <= wire::max_handle);
    const auto handle = seal.open(text);
    REQUIRE(handle.has_value());
    const auto& certified = std::get<CertifiedUser>(handle->key.holder);
    CHECK(certified.user.id == AccountId{3});
    CHECK(certified.user.suspended);
    CHECK(certified.certificate.authority == AuthorityId{9});
    CHECK(certified.certificate.authority_key == facts.authority_key);
    CHECK(certified.certificate.organization == AccountId{4});
    CHECK(certified.certificate.serial == facts.serial);
    CHECK(certified.certificate.key_id == facts.key_id);
    CHECK(certified.certificate.certificate == facts.certificate);
    CHECK(certified.certificate.expires == facts.expires);
}

TEST_CASE("a handle says the same when it comes back") {
    const HandleSeal seal(TicketKey::make());
    auto handle = seal.open(seal.seal(of_user));
    REQUIRE(handle.has_value());
    CHECK(handle->key.id == KeyId{7});
    CHECK(handle->key.fingerprint == make_key(1).fingerprint());
    CHECK(std::get<User>(handle->key.holder).id == AccountId{3});
    CHECK(std::get<User>(handle->key.holder).login.text() == "Alice");
    CHECK(std::get<User>(handle->key.holder).suspended);
    CHECK(handle->given_to == PeerKind::worker);
    CHECK(handle->bound == "connection c1");
    CHECK(handle->issued == 1'234'567'890'123);

    handle = seal.open(seal.seal(of_repository));
    REQUIRE(handle.has_value());
    CHECK(std::get<DeployKey>(handle->key.holder).repo.text() == "alice/site");
    CHECK(std::get<DeployKey>(handle->key.holder).repo_id == RepoId{5});
    CHECK(std::get<DeployKey>(handle->key.holder).can_write);
    CHECK(handle->given_to == PeerKind::authorized_keys);
    CHECK(handle->bound.empty());
}

TEST_CASE("what sshd was told to check of a security key comes back with its handle") {
    const HandleSeal seal(TicketKey::make());
    Handle handle = of_user;
    CHECK_FALSE(seal.open(seal.seal(handle))->checked_by_sshd);
    for (const std::uint8_t flags : {0, 1, 5}) {
        handle.checked_by_sshd = SecurityKeyUse{flags, 0};
        CHECK(seal.open(seal.seal(handle))->checked_by_sshd == handle.checked_by_sshd);
    }
}

TEST_CASE("a handle opens after a restart with the same ticket key, and with no other") {
    const TicketKey key = TicketKey::make();
    const std::string text = HandleSeal(key).seal(of_user);
    CHECK(HandleSeal(key).open(text).has_value());
    CHECK_FALSE(HandleSeal(TicketKey::make()).open(text).has_value());
}

TEST_CASE("two handles of one key look unlike each other, and neither shows what is in it") {
    const HandleSeal seal(TicketKey::make());
    CHECK(seal.seal(of_user) != seal.seal(of_user));
    CHECK(from_base64(seal.seal(of_user))->find("Alice") == std::string::npos);
}

TEST_CASE("no altered and no cut handle opens") {
    const HandleSeal seal(TicketKey::make());
    const std::string sealed = *from_base64(seal.seal(of_user));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string altered = sealed;
        altered[i] = static_cast<char>(altered[i] ^ 1);
        CHECK_FALSE(seal.open(to_base64(altered)).has_value());
        CHECK_FALSE(seal.open(to_base64(sealed.substr(0, i))).has_value());
    }
    for (const char* text : {"", "=", "AAAA", "not base64 at all", "\xff"}) CHECK_FALSE(seal.open(text));
}

TEST_CASE("the longest names fit into a kilobyte") {
    const HandleSeal seal(TicketKey::make());
    Handle handle = of_repository;
    handle.key.holder = DeployKey{RepoId{5}, repo(std::string(64, 'o') + "/" + std::string(100, 'n')), true};
    handle.bound = std::string(300, 'b');
    const std::string text = seal.seal(handle);
    CHECK(text.size() <= 1024);
    const auto back = seal.open(text);
    REQUIRE(back.has_value());
    CHECK(std::get<DeployKey>(back->key.holder).repo.name().text().size() == 100);
}

TEST_CASE("a handle outlives a rotation as long as the old key stands behind the new one") {
    const TicketKey old = TicketKey::make();
    const TicketKey fresh = TicketKey::make();
    const std::string text = HandleSeal(old).seal(of_user);
    CHECK(HandleSeal(fresh, {TicketKey::make(), old}).open(text).has_value());
    CHECK_FALSE(HandleSeal(fresh).open(text).has_value());
    CHECK_FALSE(HandleSeal(old).open(HandleSeal(fresh, {old}).seal(of_user)).has_value());
}

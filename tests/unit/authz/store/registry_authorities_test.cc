// Authorities of certificates, what is revoked of theirs, and what a login by a certificate asks of both.
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

struct AuthoritySite : RegistrySite {
    AuthoritySite() { ca = must(registry_.add_authority(login("corp"), make_key(7), {})).id; }
    std::optional<RevokedBy> revoked(std::uint64_t serial, const std::string& key_id = "id",
                                     unsigned key = 1) {
        const CertificateFacts facts{ca,     make_key(7).fingerprint(), {}, serial,
                                     key_id, make_key(9).fingerprint(), 0};
        Directory looking = directory();
        return must(looking.find_revocation(facts, make_key(key).fingerprint()));
    }
    AuthorityId ca{};
};

}  // namespace

TEST_CASE("an authority is found by its key, with what its row says") {
    AuthoritySite site;
    const AuthorityOptions options{login("ACME"), IdentityRule::login, "github.com", 3'600'000};
    const auto added = must(site->add_authority(login("Hub"), make_key(8), options));
    CHECK(added.options.organization == login("acme"));
    CHECK(must(site->add_authority(login("hub"), make_key(8), options)).was_there);
    CHECK_FALSE(site->add_authority(login("hub"), make_key(8), {}).has_value());
    CHECK_FALSE(site->add_authority(login("other"), make_key(8), options).has_value());
    CHECK_FALSE(
        site->add_authority(login("third"), make_key(6), {.organization = login("alice")}).has_value());
    Directory directory = site.directory();
    const auto found = must(directory.find_authority(make_key(8).fingerprint()));
    REQUIRE(found.has_value());
    CHECK(found->id == added.id);
    CHECK(found->organization == must(site->show_account(login("acme"))).id);
    CHECK(found->identity == IdentityRule::login);
    CHECK(found->host == "github.com");
    CHECK(found->longest_life == 3'600'000);
    CHECK_FALSE(found->revoked.has_value());
    CHECK_FALSE(must(directory.find_authority(make_key(1).fingerprint())).has_value());
    CHECK(must(site->list_authorities()).size() == 2);
    CHECK_FALSE(site->remove_account(login("acme")).has_value());
    CHECK(must(site->list_used_accounts()).contains(login("acme")));
    must(site->remove_authority(login("hub"), false));
    CHECK_FALSE(must(directory.find_authority(make_key(8).fingerprint())).has_value());
    must(site->remove_account(login("acme")));
}

TEST_CASE("what is revoked is found by serial, key id, certificate and key, of its own authority alone") {
    AuthoritySite site;
    const std::uint64_t last = ~std::uint64_t{0};
    CHECK_FALSE(site.revoked(5).has_value());
    CHECK(must(site->revoke_certificates(
              login("corp"), {revoke_serials(5, 7), revoke_serials(1ULL << 63, last),
                              revoke_value(RevokedBy::key_id, "Stolen"),
                              revoke_value(RevokedBy::key, make_key(3).fingerprint().bytes())})) == 4);
    CHECK(must(site->revoke_certificates(login("corp"), {revoke_serials(5, 7), revoke_serials(5, 8)})) == 1);
    CHECK_FALSE(site.revoked(4).has_value());
    CHECK(site.revoked(5) == RevokedBy::serial);
    CHECK(site.revoked(8) == RevokedBy::serial);
    CHECK_FALSE(site.revoked(9).has_value());
    CHECK_FALSE(site.revoked((1ULL << 63) - 1).has_value());
    CHECK(site.revoked(1ULL << 63) == RevokedBy::serial);
    CHECK(site.revoked(last) == RevokedBy::serial);
    CHECK(site.revoked(1, "Stolen") == RevokedBy::key_id);
    CHECK_FALSE(site.revoked(1, "stolen").has_value());
    CHECK(site.revoked(1, "id", 3) == RevokedBy::key);
    must(site->revoke_certificates(
        login("corp"), {revoke_value(RevokedBy::certificate, make_key(9).fingerprint().bytes())}));
    CHECK(site.revoked(1) == RevokedBy::certificate);
    std::string listed;
    for (const Revocation& one : must(site->list_revocations(login("corp")))) listed += text_of(one) + " ";
    CHECK(listed.starts_with("5-7 9223372036854775808-18446744073709551615 Stolen SHA256:"));
    site.ca = must(site->add_authority(login("other"), make_key(8), {})).id;
    CHECK_FALSE(site.revoked(5, "Stolen", 3).has_value());
}

TEST_CASE("a certificate that was found before is looked for again by all that may have changed") {
    AuthoritySite site;
    Directory directory = site.directory();
    const auto user = must(directory.find_user(login("ALICE")));
    REQUIRE(user.has_value());
    const CertificateFacts facts{site.ca, make_key(7).fingerprint(), {},  42,
                                 "id",    make_key(9).fingerprint(), 1000};
    const KnownKey known{KeyId{0}, make_key(1).fingerprint(), CertifiedUser{facts, *user}};
    const auto again = [&](UnixMillis now) { return must(directory.find_key_again(known, now)).has_value(); };
    CHECK(again(999));
    CHECK_FALSE(again(1000));
    SUBCASE("what its authority's row says was changed") {
        SUBCASE("a longest life") {
            must(site->change_authority(login("corp"), {.longest_life = 500}));
        }
        SUBCASE("what names the user") {
            must(site->change_authority(login("corp"), {.identity = {{IdentityRule::principal, ""}}}));
        }
        SUBCASE("the repositories") {
            must(site->change_authority(login("corp"), {.organization = login("acme")}));
        }
        CHECK_FALSE(again(1));
    }
    SUBCASE("suspended: still known, and so told") {
        must(site->suspend_account(login("alice")));
        CHECK(is_suspended(must(directory.find_key_again(known, 1))->holder));
    }
    SUBCASE("revoked") {
        must(site->revoke_certificates(login("corp"), {revoke_serials(42, 42)}));
        CHECK_FALSE(again(1));
    }
    SUBCASE("the key itself revoked, whose row need not be anybody's now") {
        must(site->add_key(login("alice"), make_key(1), {}));
        CHECK(again(1));
        must(site->revoke_key(make_key(1).fingerprint()));
        CHECK(must(directory.find_revocation(facts, make_key(1).fingerprint())) == RevokedBy::key);
        CHECK_FALSE(again(1));
    }
    SUBCASE("the authority revoked") {
        CHECK(must(site->revoke_authority(login("corp"))) == Outcome::done);
        CHECK(must(site->revoke_authority(login("corp"))) == Outcome::already);
        CHECK_FALSE(again(1));
    }
    SUBCASE("the authority removed, and added again under another number") {
        must(site->remove_authority(login("corp"), false));
        must(site->add_authority(login("corp"), make_key(7), {}));
        CHECK_FALSE(again(1));
    }
}

TEST_CASE("an authority is not removed, and added again, to bring back what is revoked") {
    AuthoritySite site;
    SUBCASE("a certificate") {
        must(site->revoke_certificates(login("corp"), {revoke_serials(42, 42)}));
    }
    SUBCASE("the authority") {
        must(site->revoke_authority(login("corp")));
        const auto again = site->add_authority(login("corp"), make_key(7), {});
        REQUIRE_FALSE(again.has_value());
        CHECK(again.error().told == "authority corp is revoked: add a new key under another name");
    }
    const auto refused = site->remove_authority(login("corp"), false);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().told.find("--force") != std::string::npos);
    CHECK(must(site->list_authorities()).size() == 1);
    must(site->remove_authority(login("corp"), true));
    CHECK(must(site->list_authorities()).empty());
}

TEST_CASE("what an authority's row says can be changed, but its key and a revocation not") {
    AuthoritySite site;
    const AuthorityOptions options{login("ACME"), IdentityRule::login, "github.com", 3'600'000};
    const auto changed = must(site->change_authority(login("CORP"), AuthorityChange::to(options)));
    CHECK(changed.outcome == Outcome::done);
    CHECK(changed.before == AuthorityOptions{});
    const auto shown = must(site->show_authority(login("corp")));
    CHECK(shown.options == AuthorityOptions{login("acme"), IdentityRule::login, "github.com", 3'600'000});
    CHECK(shown.options == changed.now.options);
    CHECK(must(site->change_authority(login("corp"), AuthorityChange::to(options))).outcome ==
          Outcome::already);
    Directory directory = site.directory();
    const auto found = must(directory.find_authority(make_key(7).fingerprint()));
    CHECK(found->organization == must(site->show_account(login("acme"))).id);
    CHECK(found->longest_life == 3'600'000);
    must(site->change_authority(login("corp"), AuthorityChange::to({})));
    CHECK(must(site->show_authority(login("corp"))).options == AuthorityOptions{});
    CHECK(must(site->list_authorities()).size() == 1);
    CHECK_FALSE(site->change_authority(login("nobody"), {}).has_value());
    CHECK_FALSE(site->change_authority(login("corp"), {.organization = login("alice")}).has_value());
    must(site->revoke_authority(login("corp")));
    CHECK_FALSE(site->change_authority(login("corp"), AuthorityChange::to(options)).has_value());
}

TEST_CASE("an authority that may certify for longer stays who it is, and its revocations stay in any case") {
    AuthoritySite site;
    must(site->revoke_certificates(login("corp"), {revoke_serials(7, 9)}));
    const auto created = must(site->show_authority(login("corp"))).created;
    auto id = site.ca;
    const auto set_life = [&](std::optional<UnixMillis> life) {
        const auto before = id;
        id = must(site->change_authority(login("corp"), {.longest_life = life})).now.id;
        site.ca = id;
        CHECK(site.revoked(8) == RevokedBy::serial);
        CHECK_FALSE(site.revoked(10).has_value());
        CHECK(must(site->show_authority(login("corp"))).created == created);
        return id == before;
    };
    CHECK_FALSE(set_life(1000));
    CHECK(set_life(2000));
    CHECK(set_life({}));
    CHECK_FALSE(set_life(3000));
    CHECK_FALSE(set_life(2999));
    CHECK(must(site->list_revocations(login("corp"))).size() == 1);
}

TEST_CASE("an authority that is changed between two lookups of a login does not hide its revocations") {
    AuthoritySite site;
    must(site->revoke_certificates(login("corp"), {revoke_serials(7, 7)}));
    Directory directory = site.directory();
    const auto authority = must(directory.find_authority(make_key(7).fingerprint()));
    must(site->change_authority(login("corp"), {.longest_life = 1000}));
    const CertificateFacts facts{authority->id, make_key(7).fingerprint(), {}, 7,
                                 "id",          make_key(9).fingerprint(), 0};
    const auto found = directory.find_revocation(facts, make_key(1).fingerprint());
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().kind == ErrorKind::unavailable);
}

TEST_CASE("of an authority only what is given is changed") {
    AuthoritySite site;
    const auto change = [&](const AuthorityChange& wanted) {
        return must(site->change_authority(login("corp"), wanted)).now.options;
    };
    AuthorityOptions expected;
    CHECK_FALSE(AuthorityChange{}.any());
    CHECK(change({}) == expected);
    expected.organization = login("acme");
    CHECK(change({.organization = login("ACME")}) == expected);
    expected.longest_life = 1000;
    CHECK(change({.longest_life = 1000}) == expected);
    expected.identity = IdentityRule::login;
    expected.host = "github.com";
    CHECK(change({.identity = {{IdentityRule::login, "github.com"}}}) == expected);
    expected.organization.reset();
    CHECK(change({.organization = std::optional<Login>()}) == expected);
    expected.longest_life.reset();
    CHECK(change({.longest_life = std::optional<UnixMillis>()}) == expected);
}

TEST_CASE("an authority is not said to be revoked when another change came between") {
    AuthoritySite site;
    static Registry* beside;
    beside = &site.registry_;
    // The clock is read between the lookup and the change.
    Registry revoking(site.database(), [] {
        must(beside->change_authority(login("corp"), {.longest_life = 500}));
        return test_now;
    });
    const auto said = revoking.revoke_authority(login("corp"));
    CHECK(said.has_value() == must(site->show_authority(login("corp"))).revoked.has_value());
}

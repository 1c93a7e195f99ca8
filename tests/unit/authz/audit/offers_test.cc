#include "authz/audit/offers.h"

#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

const std::optional<KnownKey> nobody;

KeyRequest offer_by(const std::string& address, unsigned key = 1) {
    return {make_key(key), "git", false, {address, "scanner", "c", "gateway"}};
}

nlohmann::json json_of(const AuditFact& fact) {
    return nlohmann::json::parse("{" + fact.fields + "}");
}

}  // namespace

TEST_CASE("the first offer is told at once, the others of its second as one with their number") {
    Offers offers;
    const auto first = offers.add({offer_by("192.0.2.1"), nobody});
    REQUIRE(first.size() == 1);
    CHECK(json_of(first[0])["count"] == 1);
    CHECK(json_of(first[0])["keys"][0]["known"] == false);
    for (int i = 0; i < 500; ++i) CHECK(offers.add({offer_by("192.0.2.1", 2), nobody}).empty());
    CHECK(offers.add({offer_by("192.0.2.2"), nobody}).size() == 1);
    CHECK(offers.close(monotonic_now()).empty());
    const auto rest = offers.close(monotonic_now() + 1'000);
    REQUIRE(rest.size() == 1);
    CHECK(json_of(rest[0])["count"] == 500);
    CHECK(json_of(rest[0])["address"] == "192.0.2.1");
    CHECK(json_of(rest[0])["keys"][0]["count"] == 500);
    CHECK(offers.close_all().empty());
    CHECK(offers.add({offer_by("192.0.2.1"), nobody}).size() == 1);
}

TEST_CASE("a network of IPv6, of which a scanner has all addresses, is one source") {
    Offers offers;
    CHECK(offers.add({offer_by("2001:db8::1"), nobody}).size() == 1);
    SUBCASE("by one of its addresses") {
        CHECK(offers.add({offer_by("2001:db8::2"), nobody}).empty());
        CHECK(json_of(offers.close_all().at(0))["address"] == "2001:db8::2");
    }
    SUBCASE("by many") {
        for (int i = 2; i < 100; ++i)
            CHECK(offers.add({offer_by("2001:db8::" + std::to_string(i)), nobody}).empty());
        const auto rest = offers.close_all();
        REQUIRE(rest.size() == 1);
        CHECK(json_of(rest[0])["address"] == "2001:db8::/64");
        CHECK(json_of(rest[0])["count"] == 98);
    }
    CHECK(offers.add({offer_by("2001:db8:0:1::1"), nobody}).size() == 1);
}

TEST_CASE("more keys than one event names are counted") {
    Offers offers;
    for (unsigned i = 0; i <= Offers::max_keys + 4; ++i) (void)offers.add({offer_by("192.0.2.1", i), nobody});
    const auto rest = offers.close_all();
    REQUIRE(rest.size() == 1);
    CHECK(json_of(rest[0])["keys"].size() == Offers::max_keys);
    CHECK(json_of(rest[0])["unnamed"] == 4);
    CHECK(json_of(rest[0])["count"] == Offers::max_keys + 4);
}

TEST_CASE("more sources than are told apart share one count") {
    Offers offers;
    std::size_t told = 0;
    for (std::size_t i = 0; i < Offers::max_sources + 7; ++i)
        told += offers.add({offer_by(std::to_string(i)), nobody}).size();
    CHECK(told == Offers::max_sources);
    const auto rest = offers.close_all();
    REQUIRE(rest.size() == 1);
    CHECK(json_of(rest[0])["address"] == "*");
    CHECK(json_of(rest[0])["count"] == 7);
}

#include "authz/base/ration.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace gerve;

namespace {

constexpr std::int64_t start = 1'000'000;
constexpr std::int64_t minute = 60'000;

// How many of `count` at one moment are written.
unsigned written(Ration& ration, const std::string& address, const std::string& reason, unsigned count,
                 std::int64_t now = start) {
    unsigned taken = 0;
    for (unsigned i = 0; i < count; ++i) taken += ration.take(address, reason, "", now) ? 1 : 0;
    return taken;
}

std::uint64_t sum(const std::vector<LeftOut>& all) {
    std::uint64_t count = 0;
    for (const LeftOut& one : all) count += one.count();
    return count;
}

std::string address_in(unsigned network, unsigned host) {
    return "2001:db8:1:" + std::to_string(network) + "::" + std::to_string(host);
}

}  // namespace

TEST_CASE("the first of a reason are written, the others are one summary") {
    Ration ration;
    CHECK(written(ration, "192.0.2.1", "password", 500) == 3);
    CHECK(written(ration, "192.0.2.1", "no-key", 2) == 2);
    CHECK(ration.due(start + minute - 1).empty());
    const auto due = ration.due(start + minute);
    REQUIRE(due.size() == 1);
    CHECK(due[0].source == "192.0.2.1");
    CHECK(due[0].seconds == 60);
    CHECK(due[0].text() == "password 497");
    CHECK(ration.due(start + 2 * minute).empty());
    CHECK(written(ration, "192.0.2.1", "password", 1, start + 2 * minute) == 1);
}

TEST_CASE("nothing is lost, whatever comes") {
    Ration ration({.burst_in_all = 50, .per_minute_in_all = 10});
    std::uint64_t told = 0;
    std::uint64_t caused = 0;
    std::uint64_t counted = 0;
    for (std::int64_t now = start; now < start + 5 * minute; now += 1'000) {
        for (unsigned i = 0; i < 100; ++i) {
            const unsigned host = static_cast<unsigned>(now / 1'000) * 7 + i * i;
            told += written(ration, "10.0." + std::to_string(host % 200) + ".1",
                            "reason " + std::to_string(i % 40), 2, now);
            caused += 2;
        }
        counted += sum(ration.due(now));
    }
    counted += sum(ration.all(start + 5 * minute));
    CHECK(told + counted == caused);
    CHECK(told <= 50 + 5 * 10);
    CHECK(sum(ration.all(start + 5 * minute)) == 0);
}

TEST_CASE("one source has so much in any minute, by however many reasons and addresses") {
    const RationLimits limits;
    Ration ration;
    bool many_addresses = false;
    SUBCASE("one address") {}
    SUBCASE("a /48") {
        many_addresses = true;
    }
    std::vector<unsigned> by_second;
    for (unsigned second = 0; second < 300; ++second) {
        unsigned taken = 0;
        for (unsigned i = 0; i < 60; ++i) {
            const std::string address = many_addresses ? address_in(i, second) : "192.0.2.1";
            taken += written(ration, address, "reason " + std::to_string(i), 3, start + second * 1'000);
        }
        by_second.push_back(taken);
        (void)ration.due(start + second * 1'000);
    }
    for (std::size_t from = 0; from + 60 <= by_second.size(); ++from) {
        unsigned in_a_minute = 0;
        for (std::size_t i = from; i < from + 60; ++i) in_a_minute += by_second[i];
        CHECK(in_a_minute <= limits.burst + limits.per_minute);
    }
}

TEST_CASE("one source uses up nothing of another's") {
    Ration ration;
    (void)written(ration, "192.0.2.1", "password", 100'000);
    CHECK(written(ration, "192.0.2.2", "password", 1) == 1);
    for (unsigned network = 0; network < 5'000; ++network)
        (void)written(ration, address_in(network % 10'000, network), "password", 20);
    CHECK(written(ration, "2001:db8:2::1", "password", 1) == 1);
    // Within a /48, a /64 has half.
    Ration other;
    for (unsigned i = 0; i < 30; ++i)
        (void)written(other, address_in(1, i), "reason " + std::to_string(i), 3);
    CHECK(written(other, address_in(2, 1), "no-key", 1) == 1);
}

TEST_CASE("samples tell what was left out, and are bounded") {
    Ration ration({.alike = 1});
    for (const char* login : {"alice", "root", "root", "admin"})
        (void)ration.take("192.0.2.1", "login-name", login, start);
    for (unsigned i = 0; i < 100; ++i)
        (void)ration.take("192.0.2.1", "no-key", std::string(5'000, 'x') + std::to_string(i), start);
    ration.leave_out("192.0.2.1", "login-name", "root", 40, start);
    const auto all = ration.all(start + 1);
    REQUIRE(all.size() == 1);
    REQUIRE(all[0].reasons.size() == 2);
    CHECK(all[0].reasons[0].samples == std::map<std::string, std::uint64_t>{{"admin", 1}, {"root", 42}});
    CHECK(all[0].reasons[0].unnamed == 0);
    REQUIRE(all[0].reasons[1].samples.size() == 1);
    CHECK(all[0].reasons[1].samples.begin()->first.size() == Ration::longest_sample);
}

TEST_CASE("memory is bounded: sources beyond the last share one place") {
    Ration ration;
    for (unsigned i = 0; i < Ration::max_sources + 100; ++i)
        (void)written(ration,
                      "10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                          std::to_string(i % 256),
                      "password", 4);
    const auto all = ration.all(start + 1);
    CHECK(std::any_of(all.begin(), all.end(), [](const LeftOut& one) { return one.source == "*"; }));
    // Idle ones make room again.
    (void)ration.due(start + 10 * minute);
    CHECK(written(ration, "192.0.2.1", "password", 1, start + 10 * minute) == 1);
}

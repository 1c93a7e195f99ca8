#include "gerve/worker/connection_limit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace gerve;

TEST_CASE("one source fills its own share, and a place given back is a place") {
    UnauthenticatedLimit limit(5, 3);
    UnauthenticatedLimit::Refusal refusal;
    std::vector<UnauthenticatedLimit::Place> places;
    for (int i = 0; i < 3; ++i) {
        auto place = limit.admit("192.0.2.1", refusal);
        REQUIRE(place.has_value());
        places.push_back(std::move(*place));
    }
    CHECK_FALSE(limit.admit("192.0.2.1", refusal).has_value());
    CHECK(refusal.text ==
          "Too many connections from 192.0.2.1 are logging in (limit 3). Try again in a few seconds.");
    for (int i = 0; i < 2; ++i) {
        auto place = limit.admit("192.0.2.2", refusal);
        REQUIRE(place.has_value());
        places.push_back(std::move(*place));
    }
    CHECK_FALSE(limit.admit("192.0.2.3", refusal).has_value());
    CHECK(refusal.text.find("limit 5") != std::string::npos);
    places.pop_back();
    CHECK(limit.waiting() == 4);
    CHECK(limit.admit("192.0.2.3", refusal).has_value());
    CHECK(limit.waiting() == 4);
    places.clear();
    CHECK(limit.waiting() == 0);
}

namespace {

using Clock = UnauthenticatedLimit::Clock;

// A limit, whoever has a place, and who was cut off, in order.
struct Door {
    Door(unsigned in_all, unsigned per_source) : limit(in_all, per_source) {}
    bool come(const std::string& address) {
        UnauthenticatedLimit::Refusal refusal;
        auto place = limit.admit(address, refusal, now);
        if (!place) return false;
        place->can_be_cut_by([this, address] { cut.push_back(address); });
        places.push_back(std::move(*place));
        return true;
    }
    UnauthenticatedLimit limit;
    Clock::time_point now = Clock::now();
    std::vector<UnauthenticatedLimit::Place> places{};
    std::vector<std::string> cut{};
};

std::string hostile(int number) {
    return "198.51." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
}

}  // namespace

TEST_CASE("a new source gets in while others hold all places, at the expense of whoever has the most") {
    Door door(8, 4);
    for (int i = 0; i < 8; ++i) CHECK(door.come(i % 2 == 0 ? "198.51.100.1" : "198.51.100.2"));
    CHECK(door.come("192.0.2.1"));
    CHECK(door.come("192.0.2.2"));
    CHECK(door.cut.size() == 2);
    for (const std::string& who : door.cut) CHECK(who.starts_with("198.51.100."));
    CHECK(door.limit.waiting() == 8);
    CHECK_FALSE(door.come("198.51.100.1"));  // has no less than anybody else
}

TEST_CASE("places are turned over however many sources hold one each, but everybody has a fair time") {
    Door door(50, 10);
    for (int i = 0; i < 50; ++i) CHECK(door.come(hostile(i)));
    CHECK_FALSE(door.come("192.0.2.1"));
    door.now += UnauthenticatedLimit::fair_wait;
    CHECK(door.come("192.0.2.1"));
    CHECK(door.cut == std::vector<std::string>{hostile(0)});
    for (int i = 50; i < 99; ++i) CHECK(door.come(hostile(i)));
    CHECK(door.cut.back() == hostile(49));
    CHECK_FALSE(door.come("192.0.2.2"));  // all have come just now
    CHECK(door.cut.size() == 50);
    CHECK(door.cut.end() == std::find(door.cut.begin(), door.cut.end(), "192.0.2.1"));
}

TEST_CASE("a source that has its share loses its oldest, once that had its time") {
    Door door(100, 3);
    for (int i = 0; i < 3; ++i) CHECK(door.come("192.0.2.1"));
    CHECK_FALSE(door.come("192.0.2.1"));
    door.now += UnauthenticatedLimit::fair_wait;
    CHECK(door.come("192.0.2.1"));
    CHECK(door.cut.size() == 1);
    CHECK(door.limit.waiting() == 3);
    door.places.clear();
    CHECK(door.limit.waiting() == 0);
}

TEST_CASE("who cannot be cut off keeps the place") {
    UnauthenticatedLimit limit(1, 1);
    UnauthenticatedLimit::Refusal refusal;
    const auto now = Clock::now();
    const auto place = limit.admit("192.0.2.1", refusal, now);
    CHECK_FALSE(limit.admit("192.0.2.2", refusal, now + 2 * UnauthenticatedLimit::fair_wait).has_value());
    CHECK(refusal.text.find("limit 1") != std::string::npos);
}

TEST_CASE("places come and go at random, and the count stays right") {
    Door door(40, 7);
    std::minstd_rand random(7);
    for (int round = 0; round < 20'000; ++round) {
        door.now += std::chrono::milliseconds(random() % 200);
        if (random() % 3 == 0 && !door.places.empty()) {
            door.places[random() % door.places.size()].give_back();
        } else {
            (void)door.come(hostile(static_cast<int>(random() % 60)));
        }
        REQUIRE(door.limit.waiting() <= 40);
        if (door.places.size() > 200) door.places.clear();
    }
    door.places.clear();
    CHECK(door.limit.waiting() == 0);
}

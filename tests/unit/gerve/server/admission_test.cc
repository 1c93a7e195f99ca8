#include "gerve/server/admission.h"

#include <doctest/doctest.h>

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

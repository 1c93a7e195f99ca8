#include "authz/base/backoff.h"

#include <doctest/doctest.h>

#include <set>

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE("pauses double up to a bound, and begin anew after a success") {
    Backoff backoff(100ms, 1500ms);
    for (const auto full : {100ms, 200ms, 400ms, 800ms, 1500ms, 1500ms}) {
        const auto pause = backoff.next();
        CHECK(pause <= full);
        CHECK(pause >= full * 3 / 4);
    }
    backoff.reset();
    CHECK(backoff.next() <= 100ms);
}

TEST_CASE("no two come back in step") {
    std::set<std::chrono::milliseconds> pauses;
    for (int i = 0; i < 50; ++i) pauses.insert(Backoff(30s, 30s).next());
    CHECK(pauses.size() > 10);
}

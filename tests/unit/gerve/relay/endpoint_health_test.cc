#include "gerve/relay/endpoint_health.h"

#include <doctest/doctest.h>

using namespace gerve;
using namespace std::chrono_literals;

namespace {

using Places = std::vector<std::size_t>;
const std::vector<std::string> pair{"fs1a:9419", "fs1b:9419", "fs1c:9419"};
const EndpointHealth::Clock::time_point start{1'000'000s};

}  // namespace

TEST_CASE("endpoints are tried as they stand, until one fails") {
    EndpointHealth health;
    CHECK(health.order(pair, start) == Places{0, 1, 2});
    CHECK(health.note_failed("fs1a:9419", Health::silent, start));
    CHECK(health.order(pair, start) == Places{1, 2, 0});
    CHECK(health.note_failed("fs1b:9419", Health::refusing, start));
    CHECK(health.order(pair, start) == Places{2, 1, 0});  // who answers is cheaper to ask than who does not
    health.note_serving("fs1a:9419");
    CHECK(health.order(pair, start) == Places{0, 2, 1});
    CHECK(health.of("fs1a:9419") == Health::serving);
}

TEST_CASE("nobody is left out, however many fail") {
    EndpointHealth health;
    for (const auto& endpoint : pair) CHECK(health.note_failed(endpoint, Health::refusing, start));
    CHECK(health.order(pair, start) == Places{0, 1, 2});
}

TEST_CASE("one asks after an endpoint, not each session that it fails") {
    EndpointHealth health;
    CHECK(health.note_failed("fs1a:9419", Health::refusing, start));
    CHECK_FALSE(health.note_failed("fs1a:9419", Health::silent, start));
    CHECK(health.of("fs1a:9419") == Health::silent);
    health.note_serving("fs1a:9419");
    CHECK(health.note_failed("fs1a:9419", Health::refusing, start));
}

TEST_CASE("pauses double up to a bound, and are jittered by a quarter") {
    EndpointHealth health;
    CHECK(health.note_failed("fs1a:9419", Health::silent, start));
    for (const auto full : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
        const auto pause = health.next_pause("fs1a:9419");
        CHECK(pause <= full);
        CHECK(pause >= full * 3 / 4);
    }
    CHECK(health.next_pause("fs1b:9419") == 1s);  // it has not failed
}

TEST_CASE("whom nobody wants any more is forgotten") {
    EndpointHealth health;
    CHECK(health.note_failed("fs1a:9419", Health::silent, start));
    CHECK(health.worth_probing("fs1a:9419", start + 9min));
    (void)health.order(pair, start + 9min);
    CHECK(health.worth_probing("fs1a:9419", start + 18min));
    CHECK_FALSE(health.worth_probing("fs1a:9419", start + 20min));
    CHECK(health.of("fs1a:9419") == Health::serving);
    CHECK_FALSE(health.worth_probing("fs1b:9419", start));
}

#include "gerve/master/restart_policy.h"

#include <doctest/doctest.h>

using gerve::RestartPolicy;

TEST_CASE("the first restart is at once, and one that follows a long life too") {
    RestartPolicy policy;
    CHECK(policy.pause_after(3, true) == 0);
    CHECK(policy.pause_after(3, true) > 0);
    CHECK(policy.pause_after(RestartPolicy::steady_after, true) == 0);
}

TEST_CASE("a worker that served is back within a second, however often it falls") {
    RestartPolicy policy;
    for (int i = 0; i < 1000; ++i) CHECK(policy.pause_after(1, true) <= 500);
    CHECK(policy.failed_starts() == 0);
}

TEST_CASE("starts that fail get rarer, up to a bound, and are counted until one succeeds") {
    RestartPolicy policy;
    std::int64_t last = 0;
    for (unsigned i = 1; i < 100; ++i) {
        const std::int64_t pause = policy.pause_after(1, false);
        CHECK(pause >= last);
        CHECK(pause <= RestartPolicy::longest_pause_at_start);
        CHECK(policy.failed_starts() == i);
        last = pause;
    }
    CHECK(last == RestartPolicy::longest_pause_at_start);
    CHECK(policy.pause_after(1, true) == RestartPolicy::longest_pause_after_serving);
    CHECK(policy.failed_starts() == 0);
}

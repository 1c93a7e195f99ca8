#include "authz/audit/signature_counters.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

AuditRow login_with(std::uint32_t counter, std::int64_t connected, std::int64_t at, std::int64_t key = 1) {
    AuditRow row;
    row.proven_key = key;
    row.counter = counter;
    row.connected_at = connected;
    row.happened_at = at;
    return row;
}

}  // namespace

TEST_CASE("a counter below that of a login that had finished before this one began fell") {
    SignatureCounters counters;
    CHECK_FALSE(counters.judge(login_with(10, 1'000, 1'100), {}));
    CHECK_FALSE(counters.judge(login_with(10, 1'200, 1'300), {}));
    CHECK(counters.judge(login_with(9, 1'400, 1'500), {}) == 10);
    CHECK_FALSE(counters.judge(login_with(9, 1'400, 1'500), {}));  // the same row again
    CHECK_FALSE(counters.judge(login_with(5, 1'400, 1'500, 2), {}));
    CHECK_FALSE(counters.judge(login_with(11, 1'600, 1'700), {}));
}

TEST_CASE("of logins at the same time none counts against another") {
    SignatureCounters counters;
    CHECK_FALSE(counters.judge(login_with(10, 1'000, 1'100), {}));
    CHECK_FALSE(counters.judge(login_with(12, 1'000, 2'000), {}));
    CHECK_FALSE(
        counters.judge(login_with(11, 1'900, 2'100), {}));  // began before the one with 12 had finished
    CHECK(counters.judge(login_with(9, 1'900, 2'200), {}) == 10);
    CHECK_FALSE(counters.judge(login_with(11, 1'100, 2'300), {}));
}

TEST_CASE("what the table has counts as a login does, and no counter and no time say nothing") {
    SignatureCounters counters;
    CHECK(counters.judge(login_with(9, 1'000, 1'100), {10, 900}) == 10);
    CHECK_FALSE(counters.judge(login_with(8, 1'000, 1'150, 2), {10, 1'000}));
    CHECK_FALSE(counters.judge(login_with(0, 1'000, 1'200), {10, 900}));
    CHECK_FALSE(counters.judge(login_with(8, 0, 1'300), {10, 900}));
}

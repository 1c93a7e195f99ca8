#include "gerve/ssh/cpu_meter.h"

#include <doctest/doctest.h>

#include <thread>

using namespace gerve::ssh;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds thread_time() {
    timespec used{};
    REQUIRE(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void work_for(std::chrono::nanoseconds time) {
    const auto end = thread_time() + time;
    while (thread_time() < end) {
    }
}

}  // namespace

TEST_CASE("a call is charged no less than it took") {
    CpuMeter meter;
    for (const auto time : {50'000ns, 900'000ns, 3'000'000ns, 20'000'000ns}) {
        const auto begun = meter.begin();
        const auto inner = meter.begin();
        work_for(time);
        const auto least = time - time / 1000;  // the two clocks need not run equally fast
        CHECK(meter.since(inner) >= least);
        CHECK(meter.since(begun) >= least);
    }
}

TEST_CASE("a call that had to wait is not charged for the wait") {
    CpuMeter meter;
    const auto begun = meter.begin();
    work_for(2ms);
    std::this_thread::sleep_for(200ms);
    CHECK(meter.since(begun) < 100ms);
    CHECK(meter.since(meter.begin()) < 1ms);
}

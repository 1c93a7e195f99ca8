#include "authz/base/metrics.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>

namespace gerve {

TEST_CASE("a time falls into the first bucket that it is not above") {
    Histogram histogram;
    using namespace std::chrono_literals;
    histogram.observe(50us);
    histogram.observe(51us);
    histogram.observe(1ms);
    histogram.observe(2h);
    histogram.observe(-1s);
    CHECK(histogram.in_bucket(0) == 2);
    CHECK(histogram.in_bucket(1) == 1);
    CHECK(histogram.in_bucket(4) == 1);
    CHECK(histogram.in_bucket(Histogram::bounds.size()) == 1);
    CHECK(histogram.microseconds() == 50 + 51 + 1'000 + 7'200'000'000);
}

TEST_CASE("all are zero where the memory is, and free of locks") {
    CHECK(std::atomic<std::uint64_t>::is_always_lock_free);
    alignas(Histogram) char memory[sizeof(Histogram)];
    std::memset(memory, 0, sizeof memory);
    auto* histogram = reinterpret_cast<Histogram*>(memory);
    CHECK(histogram->microseconds() == 0);
    histogram->observe(std::chrono::seconds(1));
    CHECK(histogram->in_bucket(13) == 1);
}

}  // namespace gerve

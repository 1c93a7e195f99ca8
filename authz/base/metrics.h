// Counters, gauges and histograms that are nothing but numbers, so that processes can share them in memory.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace gerve {

// All of these are zero when their memory is, may be changed by any number of threads and processes at once,
// and are read without stopping them: numbers that belong together may be one event apart.

class Counter {
  public:
    void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
  public:
    void add(std::int64_t change) { value_.fetch_add(change, std::memory_order_relaxed); }
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

// Counts itself in a gauge for as long as it lives.
class GaugeHold {
  public:
    explicit GaugeHold(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
    GaugeHold(const GaugeHold&) = delete;
    GaugeHold& operator=(const GaugeHold&) = delete;
    ~GaugeHold() { gauge_.add(-1); }

  private:
    Gauge& gauge_;
};

// Times from a lookup in memory to a session of half an hour.
class Histogram {
  public:
    // Upper ends of the buckets in microseconds, included; one more bucket takes what is longer.
    static constexpr std::array<std::uint64_t, 20> bounds{
        50,        100,       250,        500,        1'000,       2'500,        5'000,
        10'000,    25'000,    50'000,     100'000,    250'000,     500'000,      1'000'000,
        2'500'000, 5'000'000, 10'000'000, 60'000'000, 300'000'000, 1'800'000'000};

    void observe(std::chrono::nanoseconds time) {
        const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)) / 1000;
        std::size_t bucket = 0;
        while (bucket < bounds.size() && us > bounds[bucket]) ++bucket;
        buckets_[bucket].add();
        microseconds_.add(us);
    }
    [[nodiscard]] std::uint64_t in_bucket(std::size_t bucket) const { return buckets_[bucket].value(); }
    [[nodiscard]] std::uint64_t microseconds() const { return microseconds_.value(); }  // the sum of all

  private:
    std::array<Counter, bounds.size() + 1> buckets_;
    Counter microseconds_;
};

// Observes the time from its making to its end.
class Stopwatch {
  public:
    explicit Stopwatch(Histogram& histogram) : histogram_(histogram) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() { histogram_.observe(std::chrono::steady_clock::now() - start_); }

  private:
    Histogram& histogram_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace gerve

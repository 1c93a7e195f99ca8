// Ration: how much of what strangers cause is written down, for each source and in all; the rest is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"

namespace gerve {

// A source is an IPv4 address, or an IPv6 /48, of which one customer has all; each /64 of it has a part of
// its own. What is no address (a unix socket, an unknown address) is a source by its text.
struct RationLimits {
    unsigned burst = 12;                  // of one source, at once
    unsigned per_minute = 4;              // of one source, beyond that
    unsigned burst_of_subnet = 6;         // of one /64
    unsigned per_minute_of_subnet = 2;    // of one /64
    unsigned alike = 3;                   // of one reason and source, until the next summary
    unsigned burst_in_all = 1'000;        // of all sources, at once
    unsigned per_minute_in_all = 300;     // of all sources, beyond that
    std::int64_t summary_every = 60'000;  // ms from the first that was left out to their summary
};

// What was left out for one source since its last summary.
struct LeftOut {
    struct Reason {
        std::string name;
        std::uint64_t count = 0;
        std::map<std::string, std::uint64_t> samples;  // what was given, how often: the first few
        std::uint64_t unnamed = 0;                     // of count: neither given nor among the samples
    };
    std::string source;       // an address; the source, when several addresses of it came; or "*"
    std::size_t sources = 1;  // of "*": how many
    std::int64_t seconds = 0;
    std::vector<Reason> reasons;

    [[nodiscard]] std::uint64_t count() const;
    [[nodiscard]] std::string text() const;  // "password 12, no-key 3"
};

// Every event is either written by its caller, when take() says so, or is part of exactly one LeftOut. Memory
// is bounded. Used by many threads at once. `now`: monotonic_now().
class Ration {
  public:
    explicit Ration(RationLimits limits = {}) : limits_(limits) {}

    // Whether this one is to be written. `sample` tells it from others of its reason; it is cut.
    [[nodiscard]] bool take(const std::string& address, std::string_view reason, std::string_view sample = {},
                            std::int64_t now = monotonic_now());
    // `count` of them that somebody else has left out.
    void leave_out(const std::string& address, std::string_view reason, std::string_view sample,
                   std::uint64_t count, std::int64_t now = monotonic_now());
    // What is to be written now, and is not told again. To be called every second or so.
    [[nodiscard]] std::vector<LeftOut> due(std::int64_t now = monotonic_now());
    // All of it: at the end.
    [[nodiscard]] std::vector<LeftOut> all(std::int64_t now = monotonic_now());

    static constexpr std::size_t max_sources = 10'000;  // the others share one place
    static constexpr std::size_t max_subnets = 16;      // of one source; the others share one place
    static constexpr std::size_t max_reasons = 32;      // of one source; the others are "other"
    static constexpr std::size_t max_samples = 8;       // of one reason and source
    static constexpr std::size_t max_samples_in_all = 20'000;
    static constexpr std::size_t longest_sample = 512;

  private:
    class Bucket {
      public:
        [[nodiscard]] bool holds_one(unsigned burst, unsigned per_minute, std::int64_t now);
        void take() { tokens_ -= 1; }
        [[nodiscard]] bool is_full(unsigned burst) const { return tokens_ >= burst; }

      private:
        double tokens_ = -1;  // not filled yet
        std::int64_t at_ = 0;
    };
    struct Source {
        Bucket bucket;
        std::map<std::string, Bucket> subnets;
        std::map<std::string, unsigned, std::less<>> written;  // by reason
        std::int64_t written_since = 0;
        std::map<std::string, LeftOut::Reason, std::less<>> left_out;
        std::int64_t left_out_since = 0;
        std::string address;
        std::size_t sources = 1;
    };

    using Sources = std::map<std::string, Source>;
    [[nodiscard]] Sources::value_type& place_of(const std::string& address);
    [[nodiscard]] bool may_write(Source& source, const std::string& address, std::string_view reason,
                                 std::int64_t now);
    void count(Sources::value_type& place, const std::string& address, std::string_view reason,
               std::string_view sample, std::uint64_t count, std::int64_t now);
    void add_sample(LeftOut::Reason& reason, std::string_view sample, std::uint64_t count);
    [[nodiscard]] LeftOut take_left_out(Source& source, std::int64_t now);
    void merge(LeftOut left_out, std::int64_t now);
    [[nodiscard]] bool is_idle(Source& source, std::int64_t now) const;

    const RationLimits limits_;
    std::mutex mutex_;
    Sources sources_;
    Bucket in_all_;
    Bucket summaries_;
    std::size_t samples_ = 0;
};

}  // namespace gerve

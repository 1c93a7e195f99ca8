// What authz counts; see docs/metrics.md.
#pragma once

#include "authz/base/metrics.h"
#include "authz/store/directory.h"
#include "authz/store/redis_counters.h"

namespace gerve {

constexpr std::size_t question_count = 5;  // of Question (peers.h)
enum class AnswerKind { answered, unavailable, denied };
constexpr std::size_t answer_kind_count = 3;

// Lies in memory that authz shares with whoever shows it.
struct AuthzMetrics {
    static constexpr std::uint64_t layout = 1;

    QueryCounters queries;
    std::array<std::array<Counter, answer_kind_count>, question_count> questions;
    std::array<Histogram, question_count> question_times;  // from taking it up to its answer
    Counter malformed;                                     // messages that are no question
    Counter expired;        // dropped unread: nobody waits for the answer any more
    Counter stale_handles;  // the peer is told to look the key up again
    Counter links_opened;   // connections to the database
    Counter links_dropped;
    Gauge threads;
    Gauge live_links;  // threads that have a connection now
    RedisCounters redis;
};

}  // namespace gerve

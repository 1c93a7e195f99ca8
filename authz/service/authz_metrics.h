// What authz counts; see docs/metrics.md.
#pragma once

#include "authz/base/audit_counters.h"
#include "authz/base/directory_counters.h"
#include "authz/model/decision.h"
#include "authz/model/policy_answer.h"
#include "authz/wire/requests.h"

namespace gerve {

// The rules up to a deploy key's allow, the others deny.
[[nodiscard]] constexpr bool can_deny(Rule rule) {
    return rule > Rule::deploy_key;
}
enum class AnswerKind { answered, unavailable, denied };
constexpr std::size_t answer_kind_count = 3;

// Of the live sessions, and of the rounds in which they are decided again.
struct LiveCounters {
    Gauge sessions;  // connections among them
    Counter withdrawn;
    Counter rounds;
    Counter unanswered_rounds;  // broken off: the directory did not answer
};

// By result (Compared): each decision that is to be compared is counted once.
using ShadowCounters = std::array<Counter, compared_count>;

// Lies in memory that authz shares with whoever shows it.
struct AuthzMetrics {
    static constexpr std::uint64_t layout = 6;

    QueryCounters queries;
    std::array<std::array<Counter, answer_kind_count>, request_count> questions;  // of Request
    std::array<Histogram, request_count> question_times;  // from taking it up to its answer
    std::array<Counter, rule_count> denials;              // of Rule: by the rule that said no
    Counter malformed;                                    // messages that are no question
    Counter expired;        // dropped unread: nobody waits for the answer any more
    Counter stale_handles;  // the peer is told to look the key up again
    Counter links_opened;   // connections to the database
    Counter links_dropped;
    Gauge threads;
    Gauge live_links;  // threads that have a connection now
    RedisCounters redis;
    AuditCounters audit;
    LiveCounters live;
    ShadowCounters shadow;
};

}  // namespace gerve

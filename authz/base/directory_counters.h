// What is counted about the directory and its backends.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "authz/base/metrics.h"

namespace gerve {

// `hint`: an owner's route, asked of the RouteHints (Redis); `server`: the endpoints of the server it named.
// `certificate`: its authority, what revokes it, and the account that it names.
enum class Query { key, repository, redirect, permission, route, hint, server, certificate };
constexpr std::size_t query_count = 8;
enum class Answer { found, missing, unavailable };

[[nodiscard]] inline std::string_view query_name(Query query) {
    switch (query) {
        case Query::key: return "key";
        case Query::repository: return "repository";
        case Query::redirect: return "redirect";
        case Query::permission: return "permission";
        case Query::route: return "route";
        case Query::hint: return "hint";
        case Query::server: return "server";
        case Query::certificate: return "certificate";
    }
    return "";
}

[[nodiscard]] inline std::string_view answer_name(Answer answer) {
    switch (answer) {
        case Answer::found: return "found";
        case Answer::missing: return "missing";
        case Answer::unavailable: return "unavailable";
    }
    return "";
}

// How often each question was asked, how it was answered and how long that took, over all threads since the
// start.
class QueryCounters {
  public:
    void count(Query query, Answer answer) { at(query, answer).add(); }
    [[nodiscard]] std::uint64_t of(Query query, Answer answer) const {
        return counts_[static_cast<std::size_t>(query)][static_cast<std::size_t>(answer)].value();
    }
    [[nodiscard]] std::uint64_t of(Query query) const {
        return of(query, Answer::found) + of(query, Answer::missing) + of(query, Answer::unavailable);
    }
    [[nodiscard]] Histogram& times(Query query) { return times_[static_cast<std::size_t>(query)]; }
    [[nodiscard]] const Histogram& times(Query query) const {
        return times_[static_cast<std::size_t>(query)];
    }

  private:
    Counter& at(Query query, Answer answer) {
        return counts_[static_cast<std::size_t>(query)][static_cast<std::size_t>(answer)];
    }
    std::array<std::array<Counter, 3>, query_count> counts_;
    std::array<Histogram, query_count> times_;
};

// How lookups and what belongs to them went, over all threads since the start.
struct RedisCounters {
    Counter found;
    Counter missing;
    Counter unavailable;      // asked, and no usable answer
    Counter skipped;          // not asked: Redis is known to be away
    Counter repaired;         // missing keys that were set
    Counter repairs_refused;  // tries to set one that Redis refused
    Counter odd;              // keys asked for that hold no server name
    Counter connections;      // opened
    Counter failures;         // broken, or not opened
    Gauge live;               // 1 while Redis is believed to answer
};

}  // namespace gerve

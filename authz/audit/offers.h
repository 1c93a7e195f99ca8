// Offers: keys that were offered, told one by one or, when one source offers many, once a second with a
// count.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "authz/audit/events.h"
#include "authz/base/clock.h"

namespace gerve {

// A source is an IPv4 address, or the /64 of an IPv6 address, of which one host has all.
//
// The first offer of a source is told at once and opens a second in which the others are only counted; its
// end is told with their number. So a scanner costs two lines a second, and nothing of it is dropped.
class Offers {
  public:
    // Facts to be written now: the offer, if it is its source's first.
    [[nodiscard]] std::vector<AuditFact> add(const KeyOffered& offer);
    // Facts of the seconds that are over.
    [[nodiscard]] std::vector<AuditFact> close(std::int64_t now = monotonic_now());
    [[nodiscard]] std::vector<AuditFact> close_all() { return close(INT64_MAX); }

    static constexpr std::size_t max_sources = 10'000;  // the others share one count
    static constexpr std::size_t max_keys = 16;         // named in one event

  private:
    struct OfferedKey {
        std::string holder;  // its members, as JSON; empty: nobody knows the key
        std::uint64_t count = 0;
    };
    struct Second {
        std::int64_t begun = 0;   // monotonic_now()
        std::string address;      // of those that were counted; of several: the source
        std::uint64_t count = 0;  // behind the first
        std::uint64_t unnamed = 0;
        std::map<std::string, OfferedKey> keys;  // by fingerprint
        std::string client;                      // members of the first that was counted
    };
    static AuditFact fact_of(const Second& second);

    std::map<std::string, Second> seconds_;  // by source
};

}  // namespace gerve

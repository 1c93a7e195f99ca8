// Strangers: what those cause who have not proven a known key, in the trail and the log, within the ration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/audit/events.h"
#include "authz/base/metrics.h"
#include "authz/base/ration.h"

namespace gerve {

// The first of a reason and a source are an event each, and a line in the log; the others are counted, and
// their numbers are an event a minute later (ration.h).
class Strangers {
  public:
    // `left_out` counts the events that are only counted, and must outlive this.
    explicit Strangers(Counter& left_out, RationLimits limits = {}) : left_out_(&left_out), ration_(limits) {}

    // Facts to be written now: none when the event is only counted. The line in the log is written.
    [[nodiscard]] std::vector<AuditFact> add(const KeyOffered& offer);
    [[nodiscard]] std::vector<AuditFact> add(const KeyProven& proof);  // of an unknown key
    [[nodiscard]] std::vector<AuditFact> add(const RefusalReport& refusal);
    // Of git://, where nobody logs in: whether it is to be written.
    [[nodiscard]] bool take(const DecidedAnonymously& event);
    [[nodiscard]] bool take(const SessionReport& report);

    // The numbers of those that were left out, where it is time for them.
    [[nodiscard]] std::vector<AuditFact> close_due() { return close(ration_.due()); }
    [[nodiscard]] std::vector<AuditFact> close_all() { return close(ration_.all()); }

    void count_in(Counter& left_out) { left_out_ = &left_out; }

  private:
    [[nodiscard]] bool take(const std::string& address, std::string_view reason, std::string_view sample);
    [[nodiscard]] static std::vector<AuditFact> close(const std::vector<LeftOut>& left_out);

    Counter* left_out_;
    Ration ration_;
};

}  // namespace gerve

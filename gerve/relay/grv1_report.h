// REPORT of GRV1, as docs/grv1.md describes it: what an operation did, told in front of its EXIT.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/operation_facts.h"

namespace gerve::grv1 {

struct Report {
    std::vector<RefChange> changes;  // of a push, in its order; at most max_ref_changes
    std::optional<PushFacts> push;
    std::optional<FetchFacts> fetch;
    std::string git_said;  // one line: the end of what git wrote, when the operation failed
};

// As many frames as it needs; empty when there is nothing to tell.
[[nodiscard]] std::string encode_report(const Report& report);

// Adds what one frame tells. Items that are not known are skipped, and those beyond the limits. Error: client
// (malformed); what came before the bad item stays.
[[nodiscard]] Result<void> parse_report(std::string_view payload, Report& into);

}  // namespace gerve::grv1

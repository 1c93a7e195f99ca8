// What the repository tells about a push that git's report does not. Everything here runs git.
#pragma once

#include <chrono>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/default_branch.h"

namespace gerve {

// Of refs whose outcome is unknown: a ref that now names the new object was taken, one that still names the
// old one was refused; when it names another the outcome stays unknown. Sets `settled`. Error: internal.
[[nodiscard]] Result<void> settle_outcomes(const GitPlace& place, std::vector<RefChange>& changes);

// Of updates that were taken: whether they were forced. Those that are not found out by `patience`, or that
// are too many to look at one by one, are unknown.
void find_forced(const GitPlace& place, std::vector<RefChange>& changes, std::chrono::milliseconds patience);

// Whether either of them has anything to find out.
[[nodiscard]] bool is_settled(const std::vector<RefChange>& changes);

}  // namespace gerve

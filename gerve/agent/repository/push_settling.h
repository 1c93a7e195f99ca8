// What the repository tells about a push that git's report does not.
#pragma once

#include <chrono>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

// Whether the outcome of one of them can be found out: it is unknown, and git can be asked for the ref.
[[nodiscard]] bool has_open_outcome(const std::vector<RefChange>& changes);

// Of refs whose outcome is open: a ref that now names the new object was taken, one that still names the old
// one, or that should be there and is not, or the other way round, was refused; when it names a third object
// the outcome stays unknown. Sets `settled` on those that were looked at, which are the first 1,000. Runs
// git, until the deadline. Error: internal, unavailable.
[[nodiscard]] Result<void> settle_outcomes(const GitPlace& place, std::vector<RefChange>& changes,
                                           std::chrono::steady_clock::time_point deadline);

[[nodiscard]] bool has_deletion(const std::vector<RefChange>& changes);

// git deletes a ref whatever it names when the old object that the client gives is not in the repository:
// then what was deleted is unknown, and `old_id` becomes zeros. Runs git for what is in packs. Errors:
// internal, unavailable.
[[nodiscard]] Result<void> check_deletions(const GitPlace& place, std::vector<RefChange>& changes,
                                           std::chrono::steady_clock::time_point deadline);

// Sets `forced` to unknown where it can be found out: in updates that were taken. Whether there are any.
[[nodiscard]] bool mark_possibly_forced(std::vector<RefChange>& changes);

// Of those that are marked: whether they were forced. What is not found out before the deadline, or is too
// much to be looked at, stays unknown. Reads the objects; runs git where they are in packs, or for what was
// forced.
void find_forced(const GitPlace& place, std::vector<RefChange>& changes,
                 std::chrono::steady_clock::time_point deadline);

}  // namespace gerve

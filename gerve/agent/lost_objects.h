// What pushes took the name from is kept for a while: one ref of Gerve's own has a reflog that names it.
// git's garbage collection keeps what a reflog names, and drops the entries of the reflog when they are old.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/git_place.h"
#include "gerve/agent/git_settings.h"

namespace gerve {

// It names the empty tree, so whoever gets at the ref gets nothing.
constexpr std::string_view lost_ref = "refs/gerve/lost";

// What the refs named that were deleted, or moved to where it cannot be reached (or perhaps not); each once.
[[nodiscard]] std::vector<std::string> lost_objects(const std::vector<RefChange>& changes);

struct Keeping {
    std::chrono::days time;  // 0: nothing is kept
    Committer committer;     // of the entries
};

// Keeps the objects, and puts the time into the repository's configuration. What the repository does not have
// is left out. Runs git until the deadline. Errors: internal, unavailable.
[[nodiscard]] Result<void> keep_objects(const GitPlace& place, const std::vector<std::string>& objects,
                                        const Keeping& keeping, Deadline deadline);

}  // namespace gerve

// Keeps for a while what pushes deleted or forced away: the reflog of a ref of Gerve's own names the objects.
// git's garbage collection keeps what a reflog names, and drops old entries of the reflog.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/repository/git_place.h"
#include "gerve/agent/repository/git_settings.h"

namespace gerve {

// It points to the empty tree, so a client that gets at the ref gets nothing.
constexpr std::string_view lost_ref = "refs/gerve/lost";

// What refs pointed to before they were deleted, or moved by force (or perhaps by force).
[[nodiscard]] std::vector<std::string> lost_objects(const std::vector<RefChange>& changes);

struct Keeping {
    std::chrono::days time;  // 0: nothing is kept
    Committer committer;     // of the entries
};

// Keeps the objects, and sets the time in the repository's configuration. Objects that the repository does
// not have are left out. Runs git until the deadline. Errors: internal, unavailable.
[[nodiscard]] Result<void> keep_objects(const GitPlace& place, const std::vector<std::string>& objects,
                                        const Keeping& keeping, Deadline deadline);

}  // namespace gerve

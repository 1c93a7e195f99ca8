// How large the pack of a push may be, by the limits of its ticket and by what the disk has already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"
#include "authz/model/size_limits.h"
#include "gerve/agent/repository/disk_usage.h"
#include "gerve/agent/repository/git_place.h"
#include "gerve/agent/repository/layout.h"

namespace gerve {

struct PushAllowance {
    enum class Bound { push, repository, owner };
    Bound bound = Bound::push;  // which limit is met first
    std::uint64_t bytes = 0;    // that the pack may have; enough for one without objects, for deletions
    std::uint64_t used = 0;     // of the repository, or of all of the owner
    std::uint64_t limit = 0;

    // What the client is told when the pack was larger.
    [[nodiscard]] std::string told(const RepoPath& repo) const;
};

enum class Usage { measured, last_known };

// Nothing: there is no limit. `path`: of the repository. With the layout hashed-id the repositories of an
// owner stand apart, and the limit of an owner has no effect. What is full by what was known is measured
// again. With Usage::last_known the disk is not asked. Errors: as KnownUsage; unavailable (it was never
// measured).
[[nodiscard]] Result<std::optional<PushAllowance>> find_allowance(const SizeLimits& limits, Layout layout,
                                                                  const std::string& path, KnownUsage& usage,
                                                                  Usage by = Usage::measured);

// The limit that the repository's own configuration sets (receive.maxInputSize), if it is lower: that of a
// push. Runs git. Errors: as ask_in.
[[nodiscard]] Result<std::optional<PushAllowance>> with_own_limit(
    const std::optional<PushAllowance>& allowance, const GitPlace& place, Deadline deadline);

// Whether git ended a push because its pack was larger than receive.maxInputSize, by its last words.
[[nodiscard]] bool says_too_large(std::string_view last_words);

}  // namespace gerve

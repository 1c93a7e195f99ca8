// git's own garbage collection, started when a push has ended; nobody waits for it.
#pragma once

#include <string>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

// Whether there may be enough garbage for `git gc --auto`, by git's default limits (gc.auto,
// gc.autoPackLimit in git-config(1)) and somewhat before they are reached. In doubt there is. Reads the disk.
[[nodiscard]] bool may_need_collection(const std::string& path);

// `git gc --auto`, which decides whether there is enough, and goes on in the background. Errors: internal,
// unavailable.
[[nodiscard]] Result<void> collect_garbage(const GitPlace& place);

}  // namespace gerve

// The repositories in a tree of directories, in the order of their paths and a few at a time.
#pragma once

#include <functional>
#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// What each repository is called with; returns whether it was taken. What was not taken is where the next
// walk begins.
using TakeRepository = std::function<bool(const std::string& relative)>;

// Walks from `from` on (a path relative to the tree; empty: from its beginning) and calls `take` with the
// path of each directory that has a HEAD and objects, or whose name ends in ".git", links of such a name and
// directories that cannot be read included; it does not go into these, and follows no link. `is_over` is
// asked before each step. Returns where the next walk begins; empty: all was walked. Holds at most some
// thousand names at once. Names beside which `skip` says yes, relative too, are passed over. Errors:
// unavailable.
[[nodiscard]] Result<std::string> walk_tree(const Fd& tree, const std::string& from,
                                            const TakeRepository& take, const std::function<bool()>& is_over,
                                            const std::function<bool(const std::string&)>& skip);

}  // namespace gerve

// Which large files a repository's history names: the pointers of Git LFS among its blobs (docs/spec.md of
// git-lfs).
#pragma once

#include <optional>
#include <set>
#include <string_view>

#include "gerve/agent/lfs/request.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve::lfs {

// A pointer is smaller than this many bytes.
constexpr std::size_t max_pointer = 1024;

// The object that a pointer names; nothing when the blob is none.
[[nodiscard]] std::optional<Oid> parse_pointer(std::string_view blob);

// The objects that pointers name which can be reached from a ref, or from what a ref named before and its
// reflog keeps. Runs git, for as long as it takes. Errors: as run_git; internal (git failed).
[[nodiscard]] Result<std::set<Oid>> named_objects(const GitPlace& place);

}  // namespace gerve::lfs

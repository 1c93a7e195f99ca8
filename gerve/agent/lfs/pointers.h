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

// What a blob names that git-lfs takes for a pointer (lfs/pointer.go): version, oid and size in this order,
// the version with the present URL or one that was used before it; lines of extensions (ext-0-NAME) anywhere.
// Blanks around it, empty lines and carriage returns do not matter. Nothing: it is another file.
[[nodiscard]] std::optional<SizedOid> parse_pointer(std::string_view blob);

// The objects that a blob names, each as "oid sha256:OID", if it is small enough to be a pointer. Clients
// read more than the present form (older versions, blanks around it), so that whatever else it says does not
// count.
[[nodiscard]] std::set<Oid> named_by(std::string_view blob);

// The objects that pointers name which can be reached from a ref, or from what a ref named before and its
// reflog keeps; while no ref changed. Runs git, for as long as it takes. Errors: as run_git; internal (git
// failed); denied (refs changed again and again: told).
[[nodiscard]] Result<std::set<Oid>> named_objects(const GitPlace& place);

}  // namespace gerve::lfs

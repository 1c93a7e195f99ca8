// The objects of Git LFS that the new commits of a push name, and that the repository lacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/lfs/git_reader.h"
#include "gerve/agent/lfs/pointers.h"

namespace gerve::lfs {

class Places;

struct MissingObject {
    std::string file;  // the path of the pointer in its commit: the client's bytes, at most max_line
    Oid oid;
};

struct MissingObjects {
    static constexpr std::size_t max_named = 10;
    std::vector<MissingObject> named;  // the first ones that were found
    std::uint64_t count = 0;           // of all pointers without an object

    // For the client; lines, the last one says what to do.
    [[nodiscard]] std::string told() const;
};

// `tips`: ids of objects of any kind, a line each; those that are missing do not count. Looks at the blobs
// that can be reached from them and not from a ref, and reads those that are smaller than a pointer may be. A
// pointer to nothing (size 0) needs no object. Blocks for as long as git takes; memory grows with the number
// of tips alone. Errors: of each_small_blob; as disk_error.
[[nodiscard]] Result<MissingObjects> find_missing(const GitReader& reader, const Places& places,
                                                  std::string_view tips);

}  // namespace gerve::lfs

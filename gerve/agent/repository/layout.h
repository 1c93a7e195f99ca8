// Where a repository lies below an agent's root, and opening that place without following a symbolic link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/enum_names.h"
#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/model/repo_path.h"

namespace gerve {

enum class Layout {
    flat,       // OWNER/NAME.git
    md5_owner,  // h0/h0h1/h2h3/h4h5/OWNER/NAME.git, h the hex MD5 of OWNER as it is spelled
    hashed_id,  // @hashed/aa/bb/<SHA-256 of the decimal repository id>.git, aa and bb its first four digits
};

constexpr std::array<std::string_view, 3> layout_names{"flat", "md5-owner", "hashed-id"};

// OWNER/NAME.git exactly, with `owner` equal to its first half. Error: client.
[[nodiscard]] Result<RepoPath> parse_storage_path(std::string_view storage_path, std::string_view owner);

// The repository's directory relative to the root. Error: client, when the layout needs an id and `id` is 0.
[[nodiscard]] Result<std::string> repository_directory(Layout layout, const RepoPath& repo, std::uint64_t id);

// The path without symbolic links, as git and programs that it starts work it out themselves; empty, with
// errno set, if it cannot be followed. Reads the disk.
[[nodiscard]] std::string real_path(const std::string& path);

// Opens a directory strictly below `root` (O_PATH): no component is a symbolic link, a "..", or empty.
// Errors: denied (ENOENT or ENOTDIR: there is no such directory), unavailable (it may well be there, and
// cannot be opened: permission, a symbolic link, an I/O error, no descriptors; `detail` has the path and the
// reason).
[[nodiscard]] Result<Fd> open_below(const std::string& root, const std::string& relative);

// As open_below, component by component, for kernels older than 5.6.
[[nodiscard]] Result<Fd> walk_below(const std::string& root, const std::string& relative);

}  // namespace gerve

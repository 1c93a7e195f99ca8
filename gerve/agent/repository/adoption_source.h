// Which directories of a file server may be adopted as repositories: those below its root, and those below a
// directory that its own configuration names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "gerve/agent/repository/layout.h"

namespace gerve {

// All absolute, without symbolic links. No gateway can add to them.
struct AdoptionPlaces {
    std::string root;
    Layout layout = Layout::flat;
    std::vector<std::string> from;  // adopt_from
};

// A directory that may be taken: `relative` below `base`, which is the root or one of adopt_from.
struct AdoptionSource {
    std::string base;
    std::string relative;  // empty: `base` itself
    [[nodiscard]] std::string path() const { return relative.empty() ? base : base + "/" + relative; }
};

// Whether the text is an absolute path without "." and "..", control characters, and doubled slashes.
[[nodiscard]] bool may_be_directory(std::string_view text);

// Does not look at the disk. Errors: client (not such a path), denied (told: it is in none of the places, or
// where the agent keeps repositories of its own).
[[nodiscard]] Result<AdoptionSource> find_source(const AdoptionPlaces& places, std::string_view directory);

// Whether the agent keeps repositories of its own there, which nobody may take from it.
[[nodiscard]] bool is_kept(const AdoptionPlaces& places, const AdoptionSource& source);

// O_PATH. Errors: as open_below.
[[nodiscard]] Result<Fd> open_source(const AdoptionSource& source);

// The directory that holds `source`, by which it is renamed; `source.relative` is not empty. Errors: as
// open_below.
[[nodiscard]] Result<Fd> open_parent(const AdoptionSource& source);

constexpr std::size_t longest_path_told = 1024;  // bytes

// A path in a command that an administrator may paste: one word for the shell, whatever it holds.
[[nodiscard]] std::string shell_word(const std::string& path);

// The user that this process, and so git, runs as; as chown(1) and sudo(8) take it.
[[nodiscard]] std::string own_user();

// A command that writes into a repository, as an administrator runs it: as own_user(), since what root writes
// git could not change afterwards.
[[nodiscard]] std::string own_command(const std::string& command);

// OWNER/NAME, if the layout files that repository at `source`; empty with the layout hashed-id.
[[nodiscard]] std::string filed_as(const AdoptionPlaces& places, const AdoptionSource& source);

}  // namespace gerve

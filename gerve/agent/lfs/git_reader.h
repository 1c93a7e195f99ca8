// Reads a repository's history by git, as much of it as one call asks for and no more of it at once than a
// few megabytes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve::lfs {

// How git is started where history is read; by a process that ignores SIGPIPE.
struct GitReader {
    std::string program;
    std::vector<std::string> front;        // arguments in front of the command
    std::vector<std::string> environment;  // without what refs/replace says: see run_in
    bool own_group = true;                 // see GitStart

    [[nodiscard]] static GitReader of(const GitPlace& place);
};

// Hands over each line that git writes, without its end, and no more of it than max_line bytes. Blocks for as
// long as git takes. Errors: as GitProcess::start; those of `on_line`, which ends git; internal (git failed).
constexpr std::size_t max_line = 8192;
using OnLine = std::function<Result<void>(std::string_view line)>;
[[nodiscard]] Result<void> each_line(const GitReader& reader, const std::vector<std::string>& arguments,
                                     std::string_view input, const OnLine& on_line);

// Of blobs, each smaller than a pointer may be: so many are read by one git, and held at once.
constexpr std::size_t blobs_at_once = 900;

// Hands over the content of each blob, with its index. Errors: as each_line; those of `on_blob`; internal
// (git has not said what a blob is).
using OnBlob = std::function<Result<void>(std::size_t index, std::string_view content)>;
[[nodiscard]] Result<void> each_blob(const GitReader& reader, const std::vector<std::string>& ids,
                                     const OnBlob& on_blob);

// The filter for `git rev-list --objects` that leaves only blobs smaller than a pointer may be.
[[nodiscard]] std::vector<std::string> small_blobs_only();

}  // namespace gerve::lfs

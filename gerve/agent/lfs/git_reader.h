// Reads a repository's history by git, with no more than a few megabytes of it in memory at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve::lfs {

// How git is started where history is read.
struct GitReader {
    std::string program;
    std::vector<std::string> front;  // arguments in front of the command
    std::vector<std::string> environment;
    bool own_group = true;  // see GitStart

    [[nodiscard]] static GitReader of(const GitPlace& place);
};

// Hands over each line that git writes, without its end, and no more of it than max_line bytes. git looks
// past refs/replace, as in run_in. Blocks for as long as git takes. Errors: as GitProcess::start; those of
// `on_line`, which ends git; internal (git failed).
constexpr std::size_t max_line = 8192;
using OnLine = std::function<Result<void>(std::string_view line)>;
[[nodiscard]] Result<void> each_line(const GitReader& reader, const std::vector<std::string>& arguments,
                                     std::string_view input, const OnLine& on_line);

// Hands over each blob smaller than a pointer may be that `git rev-list --objects` lists with these arguments
// and this input. `path`: as git lists it, at most max_line bytes; empty if it lists none. Blocks, and
// errors, as each_line; internal too, when the output of git cat-file is not what was asked for.
using OnBlob = std::function<Result<void>(std::string_view path, std::string_view content)>;
[[nodiscard]] Result<void> each_small_blob(const GitReader& reader, const std::vector<std::string>& arguments,
                                           std::string_view input, const OnBlob& on_blob);

}  // namespace gerve::lfs

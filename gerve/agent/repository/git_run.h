// A git that is run to its end by whoever can wait for it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_process.h"
#include "gerve/loop/deadline.h"

namespace gerve {

constexpr std::size_t max_git_output = 1 << 20;

struct GitRun {
    GitEnd end;
    std::string output;  // both of its streams, at most max_git_output bytes: what goes beyond is dropped
};

using OnPiece = std::function<Result<void>(std::string_view piece)>;

// Writes `input` to a git that has just been started, and hands over what it writes to its standard output
// and to its standard error, as it comes. Blocks until both streams have ended, or until the deadline.
// Errors: those of the functions, after which nothing more is read; unavailable (the deadline); internal
// (poll).
[[nodiscard]] Result<void> exchange_with(GitProcess& git, std::string_view input, Deadline deadline,
                                         const OnPiece& on_output, const OnPiece& on_errors);

// Writes `input` to git and reads what it says. Blocks until git and whoever holds its streams have ended, or
// until the deadline: then its group is ended. Errors: as GitProcess::start; unavailable (the deadline).
[[nodiscard]] Result<GitRun> run_git(const GitStart& start, Deadline deadline = no_deadline,
                                     std::string_view input = {});

}  // namespace gerve

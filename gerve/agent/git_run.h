// A git that is run to its end by whoever can wait for it.
#pragma once

#include <chrono>
#include <string>

#include "authz/base/result.h"
#include "gerve/agent/git_process.h"

namespace gerve {

constexpr std::size_t max_git_output = 1 << 20;

struct GitRun {
    GitEnd end;
    std::string output;  // both of its streams, at most max_git_output bytes: what goes beyond is dropped
};

// Blocks until git and whoever holds its streams have ended, or until the deadline: then its group is killed.
// Errors: as GitProcess::start; unavailable (the deadline).
[[nodiscard]] Result<GitRun> run_git(const GitStart& start, std::chrono::steady_clock::time_point deadline =
                                                                std::chrono::steady_clock::time_point::max());

}  // namespace gerve

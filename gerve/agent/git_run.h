// A git that is run to its end by whoever can wait for it.
#pragma once

#include <string>

#include "authz/base/result.h"
#include "gerve/agent/git_process.h"

namespace gerve {

struct GitRun {
    GitEnd end;
    std::string output;  // both of its streams, at most 1 MiB
};

// Blocks until git and whoever holds its streams have ended. Errors: as GitProcess::start.
[[nodiscard]] Result<GitRun> run_git(const GitStart& start);

}  // namespace gerve

// Hooks of receive-pack that stand in front of the repository's own: core.hooksPath (git-config(1)) leads git
// to a directory below the root of the agent, whose entries are the agent's own program.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {
struct GitEnvironment;
}

namespace gerve::lfs {

// Below the agent's work directory (.gerve), which is cleaned up without it.
constexpr std::string_view hooks_directory = "hooks";

// Where a repository has its hooks unless its configuration says otherwise.
constexpr std::string_view usual_hooks = "hooks";

// What receive-pack, and what it starts, may run (githooks(5)); pre-receive is always redirected, the others
// where the repository has them.
constexpr std::array<std::string_view, 9> hook_names{
    "pre-receive",           "update",      "proc-receive",     "post-receive",     "post-update",
    "reference-transaction", "pre-auto-gc", "push-to-checkout", "post-index-change"};

// The variables that tell a hook of Gerve's where the repository's own hooks are, and which git to run.
constexpr const char* own_hooks_variable = "GERVE_OWN_HOOKS";
constexpr const char* git_variable = "GERVE_GIT";

struct ReceiveHooks {
    std::string directory;  // absolute
    std::string own;        // of the repository; relative to it, or absolute
    std::string git;        // the program
};

// The program that runs, by its path when it started; empty: that is not known.
[[nodiscard]] const std::string& own_program();

// Makes the directory of hooks, if it is missing. `has_hooks_path`: core.hooksPath may be in a configuration,
// so that git has to be asked for it. Reads the disk. Errors: as run_in; unavailable.
[[nodiscard]] Result<ReceiveHooks> redirect_hooks(const std::string& root, const Fd& repository,
                                                  const GitPlace& place, bool has_hooks_path);

// After everything else that goes into the environment: see without_redirection.
void add_hooks(GitEnvironment& environment, const ReceiveHooks& hooks);

// The environment that the repository's own hook would have without them. `environment`: "NAME=value" each.
[[nodiscard]] std::vector<std::string> without_redirection(std::vector<std::string> environment);

}  // namespace gerve::lfs

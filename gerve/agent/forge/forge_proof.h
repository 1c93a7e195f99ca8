// What has to hold on this machine, and in a repository, for the hooks of a Forgejo or Gitea to check a push.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "gerve/agent/forge/forge_settings.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

// One thing that has to hold, as a line for the operator: what is so, or what is not and what to do.
struct ProofLine {
    bool holds;
    std::string text;
};

// The user, app.ini, the program, the home, the root, and that programs on the root's file system may be run;
// in this order. `root`: of the agent. Reads the disk: some microseconds, so that each push may ask.
[[nodiscard]] std::vector<ProofLine> prove_machine(const ForgeSettings& forge, const std::string& root);

// Whether something answers where the hooks reach the forge. Blocks for as long as `patience`. Of https, only
// that a connection is accepted.
[[nodiscard]] ProofLine prove_local_url(const AppIniFacts& facts, std::chrono::milliseconds patience);

// Both of these, as at the start of an agent: all that the hooks of the kind need.
[[nodiscard]] std::vector<ProofLine> prove_forge(const ForgeSettings& forge, const std::string& root);

// Whether git will run the hooks of a push: none of git's names is a file that cannot be executed, and no
// file `commondir` leads to other hooks. Of a Forgejo or Gitea also, whether those that it makes are there,
// and core.hooksPath is not set; `asks_git`: it may be. `environment`: that the push will have. Errors:
// denied, naming what is wrong; unavailable.
[[nodiscard]] Result<void> check_hooks(const ForgeSettings& forge, const Fd& repository,
                                       const GitPlace& place, const GitEnvironment& environment,
                                       bool asks_git);

}  // namespace gerve

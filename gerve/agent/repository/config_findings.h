// What the configuration file of a repository says that matters when the repository comes under Gerve.
#pragma once

#include <string>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

struct ConfigFindings {
    std::vector<std::string> notes;
    std::vector<std::string> refusals;  // each with what to do
};

// Reads `config` by git, without the files that it includes. A file that git cannot read is a refusal.
// Errors: as run_git.
[[nodiscard]] Result<ConfigFindings> read_config_findings(const GitPlace& place);

// The same from what `git config --list -z` says; `path` is that of the repository as a word for the shell.
[[nodiscard]] ConfigFindings find_in_config(std::string_view listed, const std::string& path);

}  // namespace gerve

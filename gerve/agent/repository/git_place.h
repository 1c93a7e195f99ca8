// A repository in which git is run, and what git is asked there.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_run.h"
#include "gerve/loop/deadline.h"

namespace gerve {

// See open_repository and read_head.
struct GitPlace {
    std::string git;        // the program
    std::string path;       // absolute
    std::string head;       // the ref that HEAD names; empty when it names a commit
    std::string home = {};  // of git; empty: none
};

// Runs git with these arguments, whatever its status is. It looks past refs/replace: that is the word of
// those who push, not the history. Errors: as run_git.
[[nodiscard]] Result<GitRun> run_in(const GitPlace& place, std::vector<std::string> arguments,
                                    Deadline deadline = no_deadline, std::string_view input = {});

// What a git said that succeeded. Errors: internal too, when it failed, or said more than can be read.
[[nodiscard]] Result<std::string> ask_in(const GitPlace& place, std::vector<std::string> arguments,
                                         Deadline deadline = no_deadline, std::string_view input = {});

// Those of the objects (whole ids) that the repository has, with their kinds ("commit"). Errors: as ask_in.
[[nodiscard]] Result<std::unordered_map<std::string, std::string>> kinds_of(
    const GitPlace& place, const std::vector<std::string>& objects, Deadline deadline = no_deadline);

}  // namespace gerve

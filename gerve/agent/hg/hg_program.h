// Mercurial's program as the agent runs it in a repository of kind hg.
#pragma once

#include <string>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_process.h"
#include "gerve/agent/repository/repositories.h"

namespace gerve::hg {

// What hg gets, and nothing else, beside what `more` adds: no configuration of a user or of the system, but
// the file `settings` (see HGRCPATH in `hg help environment`; empty: none). Of the repository's own .hg/hgrc
// it takes what its owner has written, as git does.
[[nodiscard]] std::vector<std::string> environment(const std::string& settings = {},
                                                   const std::vector<std::string>& more = {});

// `hg verify`, whose words follow "hg".
[[nodiscard]] GitStart verify_start(const std::string& hg, const std::string& path);

// Whether `hg` is a program. Error: internal, naming the package.
[[nodiscard]] Result<void> check_installed(const std::string& hg);

// Both block for as long as hg takes. Errors: internal.
[[nodiscard]] Result<void> initialise(const std::string& hg, const std::string& path);
[[nodiscard]] Result<FsckReport> verify(const std::string& hg, const std::string& path);

}  // namespace gerve::hg

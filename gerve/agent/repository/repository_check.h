// Whether what lies in a repository's place is one that git may be run in, found out before git is started.
#pragma once

#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// open_below, and the directory belongs to root or to this process's own user: git and its hooks do what the
// configuration in it says, so it must not be a third user's. Errors: as open_below; unavailable also for
// another owner.
[[nodiscard]] Result<Fd> open_repository(const std::string& root, const std::string& relative);

// Whether a repository of Mercurial lies there, whatever else does.
[[nodiscard]] bool is_hg_repository(const Fd& repository);

// What git itself asks of a repository (gitrepository-layout(5)): a HEAD that names a ref or a commit, and
// `objects` and `refs` that can be entered. Otherwise git would only say so to the client, with the path on
// this machine. `relative` names the directory in the error. Returns the ref that HEAD names
// ("refs/heads/main"), or nothing when it names a commit. Error: unavailable.
[[nodiscard]] Result<std::string> read_head(const Fd& repository, const std::string& relative);

}  // namespace gerve

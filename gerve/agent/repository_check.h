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

// What git itself asks of a repository (gitrepository-layout(5)): a HEAD that names a ref or a commit, and
// `objects` and `refs` that can be entered. Otherwise git would only say so to the client, with the path on
// this machine. `relative` names the directory in the error. Returns the ref that HEAD names
// ("refs/heads/main"), or nothing when it names a commit. Error: unavailable.
[[nodiscard]] Result<std::string> read_head(const Fd& repository, const std::string& relative);

// Which words stand in the configuration that git reads in a repository: in its own `config` and in
// /etc/gitconfig, in small letters. All of them, if one of these cannot be read or includes other files.
// Reads the disk.
class ConfigWords {
  public:
    explicit ConfigWords(const Fd& repository);
    [[nodiscard]] bool has(std::string_view word) const {
        return unknown_ || text_.find(word) != std::string::npos;
    }

  private:
    std::string text_;
    bool unknown_ = false;
};

// Whether upload-pack may be told to give out any object by its id (uploadpack.allowAnySHA1InWant), as it
// does by protocol 2 anyway: no configuration that it reads hides refs, includes other files, or says
// something of that itself. In doubt it may not. Reads the disk.
[[nodiscard]] bool gives_any_object(const ConfigWords& config);

// Whether no configuration says if pushed objects are checked (receive.fsckObjects, transfer.fsckObjects).
[[nodiscard]] bool leaves_checking_open(const ConfigWords& config);

}  // namespace gerve

// What git is told beside what the ticket says, unless the repository's own configuration decides it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {

// Which words stand in the configuration that git reads in a repository: in its own `config`, in its
// `config.worktree` if that counts, in /etc/gitconfig, and in the two files that git reads in `home`, in
// small letters. All of them, if one of these cannot be read or includes other files. Reads the disk.
class ConfigWords {
  public:
    explicit ConfigWords(const Fd& repository, const std::string& home = {});
    [[nodiscard]] bool has(std::string_view word) const {
        return unknown_ || text_.find(word) != std::string::npos;
    }

  private:
    std::string text_;
    bool unknown_ = false;
};

// The refs below it are Gerve's own: clients neither see nor change them.
constexpr std::string_view own_refs = "refs/gerve/";

// What nobody has decided for a repository.
struct GitSettings {
    bool gives_any = false;       // upload-pack: any object may be fetched by its id, as by protocol 2 anyway
    bool checks_objects = false;  // receive-pack, as all that follow
    bool logs_refs = false;       // each change of a ref goes to its reflog
    bool names_committer = false;    // in these entries
    bool collects_garbage = false;   // the agent, when the push has ended, and not git before that
    bool has_garbage_limits = true;  // of its own: only git knows when there is enough
    bool limits_input = true;        // the size of a pack, by receive.maxInputSize
};

// For upload-pack. In doubt (an unreadable configuration, hidden refs) no object is given by its id.
[[nodiscard]] GitSettings fetch_settings(const ConfigWords& words);
// For receive-pack. `checks_objects`: of the agent's configuration; `keeps_lost`: what pushes take away is
// kept, as reflogs do too.
[[nodiscard]] GitSettings push_settings(const ConfigWords& words, bool checks_objects, bool keeps_lost);

// Who stands in a reflog: the login, and in the place of an address the request, by which the trail tells the
// rest.
struct Committer {
    std::string name;
    std::string request;  // hex
};

// Adds the settings, but those of the ticket stand; and hides own_refs.
void add_settings(GitEnvironment& environment, const GitSettings& settings, const Committer& committer);

// Has receive-pack accept no larger pack, and keep it as it is: unpacked, its objects may use fifty times as
// much.
void limit_input(GitEnvironment& environment, std::uint64_t bytes);

}  // namespace gerve

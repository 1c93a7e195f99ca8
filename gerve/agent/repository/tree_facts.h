// What a walk through all files of a repository finds: their size, whose they are, and what leads out of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// Names are relative to the repository; each is that of the first one found, empty: there is none.
struct TreeFacts {
    std::uint64_t bytes = 0;    // on the disk
    std::uint64_t foreign = 0;  // files and directories that do not belong to this process's user
    std::string foreign_name;
    uid_t foreign_owner = 0;
    std::string open_to_all;    // a file or directory that every user may write to
    std::string open_to_group;  // likewise, members of a group that is not this process's
    std::string common_dir;     // the file by which git takes config, refs and objects from elsewhere
    bool is_shallow = false;
    std::string odd_link;  // a symbolic link that is neither HEAD nor in hooks
    std::string odd_file;  // neither a file nor a directory nor a link
    std::string mounted;   // on another file system than the repository
    std::string unusable;  // a directory in which its owner may not read and write, or that cannot be read

    // Nothing in it is another's or leads out of it, and git blocks on none of it.
    [[nodiscard]] bool may_be_read_by_git() const {
        return foreign == 0 && open_to_all.empty() && open_to_group.empty() && common_dir.empty() &&
               odd_link.empty() && odd_file.empty() && mounted.empty();
    }
};

// Follows no link and leaves no file system. `directory` may be O_PATH. Files may come and go meanwhile.
// Error: unavailable (an I/O error, or directories in each other that are too deep).
[[nodiscard]] Result<TreeFacts> walk_repository(const Fd& directory);

}  // namespace gerve

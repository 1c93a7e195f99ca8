// What a crash may leave in a repository, and what keeps git from writing there: git fsck tells of neither.
#pragma once

#include <string>
#include <string_view>

namespace gerve {

enum class Repair { no, yes };

struct Leftovers {
    std::string lines;     // for an administrator: "refs/heads/main.lock: a lock that no process holds; …"
    bool remains = false;  // something to be repaired by hand
};

// `path` is the absolute path of the repository. While a process works in it (its current directory is there,
// as that of every git that serves it), its locks and temporary files are its own, and are not told. With
// Repair::yes those that are older than ten minutes are removed: a process that comes meanwhile makes its
// own. Reads the disk and /proc; what cannot be read is left out.
[[nodiscard]] Leftovers look_for_leftovers(const std::string& path, Repair repair);

// Whether a process works in that directory (its current one, as of every git that serves it) that was
// started with this word among its arguments, as far as /proc shows it. `path` is absolute, without symbolic
// links.
[[nodiscard]] bool has_process(const std::string& path, std::string_view word);

}  // namespace gerve

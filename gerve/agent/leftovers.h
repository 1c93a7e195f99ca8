// What a crash may leave in a repository, and what keeps git from writing there: git fsck tells of neither.
#pragma once

#include <string>
#include <vector>

namespace gerve {

// One line each, for an administrator: "refs/heads/main.lock: a lock that no process holds; …". `path` is the
// absolute path of the repository. While a process works in it (its current directory is there, as that of
// every git that serves it), its locks and temporary files are its own, and are not told. Reads the disk and
// /proc; what cannot be read is left out.
[[nodiscard]] std::vector<std::string> find_leftovers(const std::string& path);

}  // namespace gerve

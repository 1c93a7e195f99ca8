// Reads a gitolite.conf, what it includes, and a keydir from the disk.
#pragma once

#include <string>
#include <vector>

#include "gerve/cli/import/gitolite_keydir.h"
#include "gerve/cli/import/gitolite_lines.h"

namespace gerve {

// Includes are relative to the directory of `conf`, as gitolite runs there.
[[nodiscard]] ConfFiles files_beside(const std::string& conf);

// All NAME.pub below the directory that are regular files, by path. Errors: a directory or a file that cannot
// be read; without it, somebody's access would be missing.
[[nodiscard]] Result<std::vector<KeydirFile>> read_keydir(const std::string& directory);

}  // namespace gerve

// Key files that processes make for themselves at their first start.
#pragma once

#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// A private file of that content, unless there is one: of two that make it at once both read the same. Made
// by root it belongs to whom its directory does, who has to read it. Error: internal.
[[nodiscard]] Result<void> make_key_file(const std::string& file, std::string_view content);

// What root makes belongs to whom its directory does: a command of root's must not shut authz out of a file.
// `file`: open. Does nothing as another user.
void give_to_owner_of_directory(int file, const std::string& path);

}  // namespace gerve

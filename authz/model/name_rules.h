// The one rule for names that become path components: what a login and a repository name have in common.
#pragma once

#include <string_view>

namespace gerve {

// 1 to `limit` of [A-Za-z0-9._-], neither "." nor "..", first character not '-',
// and no ending that git or a file server gives a meaning (".git", ".lock").
[[nodiscard]] bool is_valid_name(std::string_view name, std::size_t limit);

}  // namespace gerve

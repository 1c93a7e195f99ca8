// Why this user cannot open an SQLite file, where SQLite itself says no more than that it cannot.
#pragma once

#include <string>

#include "authz/base/result.h"

namespace gerve {

// Error: unavailable; it names who has no rights to the file, and as whom to run the command. When it is not
// for want of rights, with `otherwise`.
[[nodiscard]] tl::unexpected<Error> not_opened(const std::string& file, bool writes, std::string otherwise);

}  // namespace gerve

// Why this user cannot open an SQLite file, where SQLite itself says no more than that it cannot.
#pragma once

#include <string>

namespace gerve {

// Which file, for whom, and what to do. Empty: nothing is known that would stand against it.
[[nodiscard]] std::string why_not_opened(const std::string& file, bool writes);

}  // namespace gerve

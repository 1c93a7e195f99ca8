// Which Gerve this is.
#pragma once

#include <string>
#include <string_view>

namespace gerve {

// The release, as packages and the SSH banner carry it: "0.1.0".
[[nodiscard]] std::string_view version();

// The commit that the sources are of: "1710c8c0ffee", with a "+" where they were changed since; "unknown"
// where neither git nor `git archive` tells.
[[nodiscard]] std::string_view commit();

// "0.1.0 (commit 1710c8c0ffee)"
[[nodiscard]] std::string version_text();

}  // namespace gerve

// "Did you mean …": the command that a word stands for that is none.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace gerve {

// One of `commands`: a word of the same meaning ("delete" for "remove"), else one that is spelled nearly
// alike.
[[nodiscard]] std::optional<std::string> suggest_command(std::string_view word,
                                                         const std::set<std::string>& commands);

}  // namespace gerve

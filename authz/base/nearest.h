// "Did you mean …": the known word that a mistyped one is nearest to.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace gerve {

// Nothing when no word is near: more than a third of the letters differ. Case and '-' for '_' do not count.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, const std::set<std::string>& known);

}  // namespace gerve

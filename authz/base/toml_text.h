// Words and checks of the TOML reader's problems that need no TOML.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/toml.h"

namespace gerve {

// As it is quoted in a problem: printable ASCII, its beginning.
[[nodiscard]] std::string toml_quoted(std::string_view text);

[[nodiscard]] bool has_control_character(std::string_view text, Lines allowed);

// Without their ends, CRLF as well.
[[nodiscard]] std::vector<std::string> split_lines(const std::string& text);

// "a", "b" or "c".
[[nodiscard]] std::string list_of(std::span<const std::string_view> choices);

}  // namespace gerve

// JSON strings, written by hand: at a fraction of the cost of a tree.
#pragma once

#include <string>
#include <string_view>

namespace gerve {

// Printable ASCII that JSON needs not escape.
[[nodiscard]] bool is_plain_json(std::string_view text);

// With its quotes, in printable ASCII. Bytes that are not UTF-8 become U+FFFD.
void append_json_text(std::string& out, std::string_view text);

}  // namespace gerve

// Text from outside for people's eyes: letters beyond ASCII as they were given, and nothing that a terminal
// obeys or that looks like something else. Logs take printable() of text.h instead.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gerve {

// What the reader's terminal can show.
enum class Letters { ascii, utf8 };

// Bytes of the well-formed UTF-8 sequence (RFC 3629, table 3-7 of Unicode) that `text` begins with; 0: none.
[[nodiscard]] std::size_t utf8_size(std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);
// The longest beginning of at most `limit` bytes that splits no sequence.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t limit);

// Whether all of it can be shown as it is. Not shown are bytes that are no UTF-8, control characters, line
// and paragraph separators, what turns the direction of text or takes no room (Unicode's format characters,
// default ignorable ones, private use, noncharacters), and with Letters::ascii all above 0x7e.
[[nodiscard]] bool is_displayable(std::string_view text, Letters letters = Letters::utf8);

// What cannot be shown becomes \xNN, byte by byte; the rest stays, quotes and backslashes too. It is one
// line.
[[nodiscard]] std::string displayed(std::string_view text, Letters letters = Letters::utf8);
// The same for a text of several lines: they stay.
[[nodiscard]] std::string displayed_lines(std::string_view text, Letters letters = Letters::utf8);
// What cannot be shown becomes \uNNNN (two of them above U+FFFF), as JSON has it. `json` is a JSON text in
// UTF-8.
[[nodiscard]] std::string displayed_json(std::string_view json);

}  // namespace gerve

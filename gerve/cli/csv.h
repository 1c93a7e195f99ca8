// CSV by RFC 4180, as commands print it for spreadsheets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gerve {

// A cell that no spreadsheet takes for a formula: an apostrophe goes in front of a text that begins with
// = + - or @. What a terminal would obey or hide, line ends among it, becomes \xNN; a cell with a comma or a
// quote is quoted.
[[nodiscard]] std::string csv_cell(std::string_view text);

// The cells of one line, with its CRLF.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& cells);

// A list is printed in one form: both flags at once are a wrong usage.
void refuse_two_forms(bool json, bool csv);

void print_csv_line(const std::vector<std::string>& cells);

}  // namespace gerve

// What commands print: tables for people, JSON for programs, times as both write them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "authz/base/display.h"
#include "authz/base/result.h"
#include "authz/base/units.h"

namespace gerve {

using Json = nlohmann::ordered_json;  // as commands print it: members in the order of the manual

// What this terminal shows, by the locale of the environment: LC_ALL, else LC_CTYPE, else LANG.
[[nodiscard]] Letters terminal_letters();

// Text from outside as a cell of a table: as it was given if this terminal can show all of it, else quoted
// and escaped (a quote and a backslash too, so that no other text looks the same).
[[nodiscard]] std::string shown(std::string_view text);

// Text of our own that holds such text: only what this terminal cannot show is escaped.
[[nodiscard]] std::string one_line(std::string_view text);

// Prints "gerve: TEXT" on stderr. The text may have several lines, and hold what the operator wrote.
void complain(std::string_view text);

// For a script that adds what may be there: says on stderr that it is, and returns 0.
int there_already(std::string_view what);

// Columns that a text takes on a terminal: two for wide letters, none for a mark above another.
[[nodiscard]] std::size_t columns_of(std::string_view text);

// Columns as wide as they need to be. Cells are printed as they are: put text from outside through shown().
class Table {
  public:
    explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    // A table without rows is the word for that, e.g. "no keys".
    void print(std::string_view none) const;

  private:
    std::vector<std::string> headings_;
    std::vector<std::vector<std::string>> rows_;
};

// Letters stay as they are; what a terminal would obey or hide is escaped as JSON has it.
void print_json(const Json& value);

// As time_text(), or `none`.
[[nodiscard]] std::string time_or(const std::optional<UnixMillis>& time, std::string_view none);
[[nodiscard]] Json json_time(const std::optional<UnixMillis>& time);  // null for none

// "2027-01-31" (its beginning, UTC), "2027-01-31T12:00:00Z", or "90d" from now. Error: client.
[[nodiscard]] Result<UnixMillis> parse_time(std::string_view text, UnixMillis now);

}  // namespace gerve

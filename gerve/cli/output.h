// What commands print: tables for people, JSON for programs, times as both write them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "authz/base/result.h"

namespace gerve {

// Bytes from outside as a cell of a table: as they are if they are plain, else quoted and escaped.
[[nodiscard]] std::string shown(std::string_view text);

// The same for text that holds quotes of our own: only what would break the line is escaped.
[[nodiscard]] std::string one_line(std::string_view text);

// Columns as wide as they need to be. Cells are printed as they are: put untrusted text through shown().
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

void print_json(const nlohmann::ordered_json& value);

// "512 B", "1.5 MiB": in the largest unit of which it is one at least.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// "2026-01-31T12:00:00Z"
[[nodiscard]] std::string format_time(UnixMillis time);
[[nodiscard]] std::string format_time(const std::optional<UnixMillis>& time, std::string_view none);
[[nodiscard]] nlohmann::ordered_json json_time(const std::optional<UnixMillis>& time);  // null for none

// "2027-01-31" (its beginning, UTC), "2027-01-31T12:00:00Z", or "90d" from now. Error: client.
[[nodiscard]] Result<UnixMillis> parse_time(std::string_view text, UnixMillis now);

}  // namespace gerve

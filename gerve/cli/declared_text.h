// The directory as `gerve export` writes it: TOML that people read and edit, and that `gerve apply` takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "authz/store/declared_state.h"

namespace gerve {

// Of the file; counted up when an older Gerve would misread a newer file.
constexpr std::uint64_t declared_format = 1;

// By name, keys by fingerprint: the same state gives the same bytes, whatever became of it in which order.
[[nodiscard]] std::string declared_text(const DeclaredState& state);

// A TOML string. Letters beyond ASCII stay; what a terminal obeys or hides is escaped.
[[nodiscard]] std::string toml_string(std::string_view text);

// "2027-01-31T12:00:00Z", with milliseconds where there are any.
[[nodiscard]] std::string declared_time_text(UnixMillis time);
// The inverse; a date alone is its beginning. Error: client.
[[nodiscard]] Result<UnixMillis> parse_declared_time(std::string_view text);

}  // namespace gerve

// Times, durations and sizes as Gerve writes them, one form for each purpose.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/clock.h"

namespace gerve {

// "2026-01-31T12:00:00Z": RFC 3339, UTC, whole seconds. In tables, JSON, messages and the trail.
[[nodiscard]] std::string time_text(UnixMillis time);

// "20260131T120000Z": the same in the name of a file.
[[nodiscard]] std::string file_stamp(UnixMillis time);

// "90s", "15m", "250ms": one number and one unit, as settings are written.
[[nodiscard]] std::string setting_text(std::chrono::milliseconds duration);

// The inverse, with 0 allowed. Nothing for any other text, and for 10,000,000,000 units or more.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_setting(std::string_view text);

// "45s", "3m20s", "5h2m", "12d3h": how long something has lasted, in a column of a table. Negative counts as
// zero.
[[nodiscard]] std::string age_text(std::chrono::milliseconds age);

// "15 min", "90 s": rounded up to seconds, in a sentence.
[[nodiscard]] std::string duration_in_words(std::chrono::milliseconds duration);

// "512 B", "1.5 MiB": powers of 1024.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// "500MiB", "10GiB": a whole number with KiB, MiB, GiB or TiB; as bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace gerve

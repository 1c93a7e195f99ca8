// Text from and for the outside: quoting of untrusted bytes, hex, base64, numbers, ASCII case folding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gerve {

// Untrusted bytes as printable ASCII: control characters, quotes, backslashes and everything above 0x7e
// become \xNN escapes, and at most `limit` input bytes are shown. The result fits on one log line.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t limit = 256);

[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);

// RFC 4648 base64; from_base64 accepts padded and unpadded input, one encoding per value, and nothing else.
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] std::string to_base64_unpadded(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

// Decimal digits only, no sign, no space; nothing on overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view digits);

// ASCII only: names here have no other letters.
[[nodiscard]] std::string fold_case(std::string_view text);

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace gerve

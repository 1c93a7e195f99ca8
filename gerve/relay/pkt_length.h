// The length of a pkt-line (gitprotocol-common(5)).
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

namespace gerve {

constexpr std::size_t pkt_length_size = 4;

// Of its first four bytes: those included; 0, 1 and 2 are packets of their own (flush, delimiter, end of a
// response). Nothing: it is no pkt-line.
[[nodiscard]] inline std::optional<std::size_t> parse_pkt_length(std::string_view digits) {
    std::size_t length = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, length, 16);
    const bool good =
        error == std::errc() && stopped == end && digits.size() == pkt_length_size && length != 3;
    return good ? std::optional(length) : std::nullopt;
}

}  // namespace gerve

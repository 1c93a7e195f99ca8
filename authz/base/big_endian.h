// Numbers in network byte order, as GRV1, tickets and handles have them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gerve {

template <std::integral Number>
void put_number(std::string& out, Number number) {
    for (int shift = static_cast<int>(sizeof(Number) * 8) - 8; shift >= 0; shift -= 8) {
        out += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff);
    }
}

// All of `bytes`, at most eight.
[[nodiscard]] constexpr std::uint64_t get_number(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
}

// The first of `bytes`, which has at least as many as the number.
template <std::integral Number>
[[nodiscard]] constexpr Number get_number(std::string_view bytes) {
    return static_cast<Number>(get_number(bytes.substr(0, sizeof(Number))));
}

}  // namespace gerve

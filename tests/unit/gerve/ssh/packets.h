// Payloads of SSH messages for tests (RFC 4251 section 5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace packets {

inline std::string number(std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
    return out;
}

inline std::string text(std::string_view value) {
    return number(static_cast<std::uint32_t>(value.size())).append(value);
}

}  // namespace packets

// Enums whose values have names, in an array in their order.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace gerve {

template <class Enum, std::size_t count>
[[nodiscard]] constexpr std::string_view name_in(const std::array<std::string_view, count>& names,
                                                 Enum value) {
    return names[static_cast<std::size_t>(value)];
}

// Nothing: none of them has this name.
template <class Enum, std::size_t count>
[[nodiscard]] constexpr std::optional<Enum> find_in(const std::array<std::string_view, count>& names,
                                                    std::string_view name) {
    for (std::size_t i = 0; i < count; ++i) {
        if (names[i] == name) return static_cast<Enum>(i);
    }
    return std::nullopt;
}

}  // namespace gerve

// Door: where a client comes in.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace gerve {

enum class Door {
    gateway,  // Gerve's own SSH server
    sshd,     // an OpenSSH server beside it
    git,      // git://, where nobody logs in
};
constexpr std::array<std::string_view, 3> door_names{"gateway", "sshd", "git"};

[[nodiscard]] constexpr std::string_view door_name(Door door) {
    return door_names[static_cast<std::size_t>(door)];
}
[[nodiscard]] constexpr std::optional<Door> parse_door(std::string_view name) {
    for (std::size_t i = 0; i < door_names.size(); ++i) {
        if (door_names[i] == name) return static_cast<Door>(i);
    }
    return std::nullopt;
}

}  // namespace gerve

// Door: where a client comes in.
#pragma once

#include "authz/base/enum_names.h"

namespace gerve {

enum class Door {
    gateway,  // Gerve's own SSH server
    sshd,     // an OpenSSH server beside it
    git,      // git://, where nobody logs in
};
constexpr std::array<std::string_view, 3> door_names{"gateway", "sshd", "git"};

[[nodiscard]] constexpr std::string_view door_name(Door door) {
    return name_in(door_names, door);
}
[[nodiscard]] constexpr std::optional<Door> parse_door(std::string_view name) {
    return find_in<Door>(door_names, name);
}

}  // namespace gerve

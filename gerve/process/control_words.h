// What the master says to its children over their control sockets.
#pragma once

#include <cstddef>
#include <string_view>

namespace gerve {

// In front of the text for clients, which is empty when maintenance is off.
constexpr std::string_view maintenance_word = "maintenance ";
// To the metrics process: accept no new connection from now on. Workers get SIGTERM.
constexpr std::string_view draining_word = "draining";
constexpr std::size_t max_control_message = 4096;  // bytes

}  // namespace gerve

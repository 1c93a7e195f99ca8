// The two clocks in use: wall time for what is recorded, monotonic time for deadlines between processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace gerve {

// Milliseconds since the Unix epoch; what tickets, handles and tables carry.
using UnixMillis = std::int64_t;

[[nodiscard]] inline UnixMillis unix_now() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// Milliseconds of CLOCK_MONOTONIC: comparable between processes of one machine, and only there.
[[nodiscard]] inline std::int64_t monotonic_now() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// A time of either clock that does not come: what has no deadline, or no end.
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

}  // namespace gerve

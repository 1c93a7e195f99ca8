// Deadline: the moment until which something may take.
#pragma once

#include <chrono>

namespace gerve {

using Deadline = std::chrono::steady_clock::time_point;
constexpr Deadline no_deadline = Deadline::max();

}  // namespace gerve

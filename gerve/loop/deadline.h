// Deadline: a point in time.
#pragma once

#include <chrono>

namespace gerve {

using Deadline = std::chrono::steady_clock::time_point;
constexpr Deadline no_deadline = Deadline::max();

}  // namespace gerve

// Backoff: the pauses between attempts that fail.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace gerve {

// Each is twice the one before, up to the longest, and up to a quarter shorter at random: threads and
// gateways do not come back in step. Not thread-safe.
class Backoff {
  public:
    constexpr Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
        : first_(first), longest_(longest) {}

    [[nodiscard]] std::chrono::milliseconds next() {
        pause_ = std::clamp(pause_ * 2, first_, longest_);
        thread_local std::minstd_rand random{std::random_device{}()};
        return pause_ -
               std::chrono::milliseconds(std::uniform_int_distribution<std::chrono::milliseconds::rep>(
                   0, pause_.count() / 4)(random));
    }
    // After an attempt that did not fail.
    void reset() { pause_ = std::chrono::milliseconds(0); }

  private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds longest_;
    std::chrono::milliseconds pause_{0};
};

}  // namespace gerve

// Alarm: when a trouble that lasts is logged: at once, again at intervals, and as soon as its reason is
// another.
#pragma once

#include <cstdint>
#include <string>

#include "authz/base/clock.h"

namespace gerve {

// Used by one thread.
class Alarm {
  public:
    // `interval`: ms between two lines of one reason.
    explicit Alarm(std::int64_t interval) : interval_(interval) {}

    // Whether this failure is to be logged. Reasons that alternate are logged at most every two seconds.
    [[nodiscard]] bool due(const std::string& why) {
        constexpr std::int64_t between_reasons = 2'000;
        const std::int64_t now = monotonic_now();
        const std::int64_t pause = why == why_ ? interval_ : between_reasons;
        if (sounded_ != 0 && now - sounded_ < pause) return false;
        sounded_ = now;
        why_ = why;
        return true;
    }
    // The trouble is over. Whether it had been logged.
    [[nodiscard]] bool over() {
        why_.clear();
        const bool sounded = sounded_ != 0;
        sounded_ = 0;
        return sounded;
    }

  private:
    std::int64_t interval_;
    std::int64_t sounded_ = 0;  // monotonic_now() of the last line; 0: none since the trouble began
    std::string why_;
};

}  // namespace gerve

// CpuMeter: what calls cost of the thread's processor time, without asking the kernel around each of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace gerve::ssh {

// Of one thread. A call is charged the time that went by, which is too much only where the thread was made to
// wait meanwhile; so where that is more than `short_call`, it is charged at most what the thread has used
// since a look at its time that was no older than `look_every`. It is never charged too little.
class CpuMeter {
  public:
    using Clock = std::chrono::steady_clock;

    struct Mark {
        Clock::time_point at{};
        std::chrono::nanoseconds used{0};  // by the thread, at the last look
    };

    [[nodiscard]] Mark begin() {
        const auto now = Clock::now();
        if (now - looked_at_ > look_every) look(now);
        return {now, used_};
    }

    [[nodiscard]] std::chrono::nanoseconds since(const Mark& begun) {
        const auto now = Clock::now();
        const std::chrono::nanoseconds passed = now - begun.at;
        if (passed <= short_call) return passed;
        look(now);
        return std::min(passed, used_ - begun.used);
    }

  private:
    static constexpr std::chrono::microseconds short_call{1000};
    static constexpr std::chrono::milliseconds look_every{5};

    void look(Clock::time_point now) {
        timespec used{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        used_ = std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
        looked_at_ = now;
    }

    std::chrono::nanoseconds used_{0};
    Clock::time_point looked_at_{};
};

}  // namespace gerve::ssh

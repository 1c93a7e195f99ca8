// When a child that ended is started again: at once, unless that goes on and on.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gerve {

// One for each place in the crew. Times are milliseconds of monotonic_now().
class RestartPolicy {
  public:
    // A child that lived this long had a good start: what comes after is a new story.
    static constexpr std::int64_t steady_after = 10'000;
    // A worker that served is back within a second however often it falls: somebody may be pushing it.
    static constexpr std::int64_t longest_pause_after_serving = 500;
    static constexpr std::int64_t longest_pause_at_start = 5'000;

    // The pause before the next start. `ready`: it had told that it was ready to serve.
    std::int64_t pause_after(std::int64_t lived, bool ready) {
        if (lived >= steady_after) failures_ = 0;
        ++failures_;
        failed_starts_ = ready ? 0 : failed_starts_ + 1;
        if (failures_ == 1) return 0;
        const std::int64_t pause = std::int64_t{50} << std::min(failures_, 10U);  // 200, 400, 800 …
        return std::min(pause, ready ? longest_pause_after_serving : longest_pause_at_start);
    }

    // How often in a row it ended before it was ready.
    [[nodiscard]] unsigned failed_starts() const { return failed_starts_; }

  private:
    unsigned failures_ = 0;
    unsigned failed_starts_ = 0;
};

}  // namespace gerve

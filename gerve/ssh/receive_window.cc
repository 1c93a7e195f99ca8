#include "gerve/ssh/receive_window.h"

#include <algorithm>
#include <utility>

namespace gerve::ssh {

void ReceiveWindow::note_taken(std::uint64_t bytes, Clock::time_point now) {
    taken_ += bytes;
    since_judged_ += bytes;
    if (taken_ < 2ULL * first || since_judged_ < size_ / 8) return;
    unwaited_ += std::exchange(since_judged_, 0);
    if (!waits_for_client(now)) return shrink();
    unwaited_ = 0;
    if (size_ < largest && taken_ >= 4ULL * size_ && budget_.take(size_)) size_ *= 2;
}

// A client that is far away is waited for at least once in each window.
void ReceiveWindow::shrink() {
    if (size_ == first || unwaited_ < 4ULL * size_) return;
    unwaited_ = 0;
    size_ /= 2;
    budget_.give_back(size_);
}

// For a quarter of the time at least, since this was last asked.
bool ReceiveWindow::waits_for_client(Clock::time_point now) {
    return 4 * std::exchange(waited_, {}) >= now - std::exchange(judged_, now);
}

std::uint32_t ReceiveWindow::adjustment(std::uint64_t open, std::uint64_t held) const {
    const std::uint64_t more = size_ - std::min<std::uint64_t>(size_, open + held);
    return more < size_ / 8 ? 0 : static_cast<std::uint32_t>(more);
}

}  // namespace gerve::ssh

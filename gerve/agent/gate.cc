#include "gerve/agent/gate.h"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

namespace gerve {

using namespace std::chrono_literals;

Gate::Turn::Turn(Turn&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      owner_(std::move(other.owner_)),
      starting_(other.starting_) {}

Gate::Turn::~Turn() {
    if (gate_ == nullptr) return;
    if (starting_) --gate_->starting_;
    gate_->count_.end(owner_);
    gate_->admit_waiters();
}

void Gate::Turn::started() {
    if (!std::exchange(starting_, false)) return;
    --gate_->starting_;
    gate_->admit_waiters();
}

asio::awaitable<std::optional<Gate::Turn>> Gate::enter(std::string owner, TurnLimits limits) {
    bool full = false;
    if (waiters_.empty() && try_begin(owner, limits, full)) co_return Turn(*this, std::move(owner));
    Waiter waiter(loop_, owner, limits);
    const auto place = waiters_.insert(waiters_.end(), &waiter);
    admit_waiters();
    std::error_code woken;
    if (!waiter.admitted) co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (waiter.admitted) co_return Turn(*this, std::move(owner));
    waiters_.erase(place);
    co_return std::nullopt;
}

// `full` is set when nobody else can begin either.
bool Gate::try_begin(const std::string& owner, const TurnLimits& limits, bool& full) {
    full = starting_ >= limits.max_starting;
    if (full) return false;
    const auto verdict = count_.begin(owner, limits.max_operations, limits.max_operations_per_owner);
    full = verdict == OperationCount::Verdict::full;
    if (verdict != OperationCount::Verdict::begun) return false;
    ++starting_;
    return true;
}

void Gate::admit_waiters() {
    bool full = false;
    for (auto next = waiters_.begin(); next != waiters_.end() && !full;) {
        Waiter& waiter = **next;
        if (!try_begin(waiter.owner, waiter.limits, full)) {
            ++next;
            continue;
        }
        waiter.admitted = true;
        waiter.timer.cancel();
        next = waiters_.erase(next);
    }
    if (waiters_.empty()) {
        retry_.cancel();
    } else if (!retry_.is_armed()) {
        retry_.arm(20ms, [this] { admit_waiters(); });
    }
}

}  // namespace gerve

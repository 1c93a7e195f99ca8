#include "gerve/agent/admission/gate.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

namespace gerve {

using namespace std::chrono_literals;
using Verdict = OperationCount::Verdict;

Gate::Turn::Turn(Turn&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      claimant_(std::move(other.claimant_)),
      starting_(other.starting_) {}

Gate::Turn::~Turn() {
    if (gate_ == nullptr) return;
    if (starting_) --gate_->starting_;
    gate_->count_.end(claimant_);
    gate_->admit_waiters();
}

void Gate::Turn::started() {
    if (!std::exchange(starting_, false)) return;
    --gate_->starting_;
    gate_->admit_waiters();
}

asio::awaitable<Gate::Entered> Gate::enter(Claimant claimant, TurnLimits limits) {
    Waiter waiter(loop_, claimant, limits);
    if (waiters_.empty()) waiter.verdict = try_begin(claimant, limits);
    if (waiter.verdict == Verdict::begun) co_return Turn(*this, std::move(claimant));
    const auto place = waiters_.insert(waiters_.end(), &waiter);
    admit_waiters();
    const bool waits = waiter.verdict != Verdict::begun && !too_many_wait(claimant, limits);
    std::error_code woken;
    if (waits) co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (waiter.verdict == Verdict::begun) co_return Turn(*this, std::move(claimant));
    waiters_.erase(place);
    co_return tl::make_unexpected(waiter.verdict);
}

bool Gate::too_many_wait(const Claimant& claimant, const TurnLimits& limits) const {
    const auto same = [&](const Waiter* waiter) { return waiter->claimant.account == claimant.account; };
    const unsigned most = std::max(limits.operations.per_account, limits.operations.per_key);
    if (claimant.account.empty() || most == 0) return false;
    return std::count_if(waiters_.begin(), waiters_.end(), same) > 4 * static_cast<std::ptrdiff_t>(most);
}

// Full: nobody else can begin either.
Verdict Gate::try_begin(const Claimant& claimant, const TurnLimits& limits) {
    if (starting_ >= limits.max_starting) return Verdict::full;
    const Verdict verdict = count_.begin(claimant, limits.operations);
    if (verdict == Verdict::begun) ++starting_;
    return verdict;
}

void Gate::admit_waiters() {
    bool full = false;
    for (auto next = waiters_.begin(); next != waiters_.end() && !full;) {
        Waiter& waiter = **next;
        waiter.verdict = try_begin(waiter.claimant, waiter.limits);
        full = waiter.verdict == Verdict::full;
        if (waiter.verdict != Verdict::begun) {
            ++next;
            continue;
        }
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

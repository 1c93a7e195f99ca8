// Timer: runs an action later, on an event loop.
#pragma once

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "gerve/loop/deadline.h"

namespace gerve {

// Runs an action once, unless it is replaced or cancelled, or the timer is destroyed first. An action may arm
// its timer again, and may destroy it.
class Timer {
  public:
    // `where`: an io_context or an executor; it outlives the timer.
    template <class Where>
    explicit Timer(Where&& where) : timer_(std::forward<Where>(where)) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    void arm(std::chrono::milliseconds after, std::function<void()> action) {
        arm_at(std::chrono::steady_clock::now() + after, std::move(action));
    }

    // With no_deadline the action never runs.
    void arm_at(Deadline when, std::function<void()> action) {
        cancel();
        if (when == no_deadline) return;
        action_ = std::make_shared<std::function<void()>>(std::move(action));
        timer_.expires_at(when);
        // The handler of an action that was cancelled, even one that was queued already, finds it gone.
        timer_.async_wait([this, armed = std::weak_ptr(action_)](const asio::error_code&) {
            const auto todo = armed.lock();
            if (!todo) return;
            action_.reset();
            (*todo)();
        });
    }

    void cancel() {
        action_.reset();
        timer_.cancel();
    }

    [[nodiscard]] bool is_armed() const { return action_ != nullptr; }

  private:
    asio::steady_timer timer_;
    std::shared_ptr<std::function<void()>> action_;
};

}  // namespace gerve

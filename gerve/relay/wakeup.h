// Signal: how one coroutine waits until something else, on the same event loop, says that there is news.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

namespace gerve {

using Deadline = std::chrono::steady_clock::time_point;
constexpr Deadline no_deadline = Deadline::max();

// For one waiter at a time. A notify() that comes before the wait is not lost. The waiter is resumed by the
// event loop, never from inside notify(): so notify() may be called from a library's callback.
class Signal {
  public:
    explicit Signal(const asio::any_io_executor& executor) : timer_(executor) {}

    void notify() {
        notified_ = true;
        if (waiting_) timer_.cancel();
    }

    // Returns true when notified, false when `deadline` came first.
    asio::awaitable<bool> wait(Deadline deadline = no_deadline) {
        while (!notified_) {
            if (deadline != no_deadline && std::chrono::steady_clock::now() >= deadline) co_return false;
            timer_.expires_at(deadline);
            waiting_ = true;
            asio::error_code ignored;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            waiting_ = false;
        }
        notified_ = false;
        co_return true;
    }

  private:
    asio::steady_timer timer_;
    bool notified_ = false;
    bool waiting_ = false;
};

}  // namespace gerve

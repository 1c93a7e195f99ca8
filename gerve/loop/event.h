// News and Event: how a coroutine waits for something else on the same event loop.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include "gerve/loop/deadline.h"

namespace gerve {

// Happens again and again, for one waiter at a time. A notify() before the wait is not lost. The waiter is
// resumed by the event loop, never from inside notify(), which may therefore be called from a callback of a
// library.
class News {
  public:
    explicit News(const asio::any_io_executor& executor) : timer_(executor) {}

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

// Happens once. Any number of coroutines may wait for it, before or after.
class Event {
  public:
    explicit Event(asio::io_context& loop) : timer_(loop, no_deadline) {}

    void set() {
        set_ = true;
        timer_.cancel();
    }

    [[nodiscard]] asio::awaitable<void> wait() {
        while (!set_) {
            asio::error_code woken;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        }
    }

  private:
    asio::steady_timer timer_;
    bool set_ = false;
};

}  // namespace gerve

// How a coroutine waits for a descriptor or for time to pass.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "gerve/loop/timer.h"

namespace gerve {

// False: the wait was cancelled, or the descriptor closed. The descriptor, an asio stream_descriptor or
// socket, outlives it.
template <class Descriptor>
[[nodiscard]] asio::awaitable<bool> wait_ready(Descriptor& descriptor, typename Descriptor::wait_type what) {
    asio::error_code failed;
    co_await descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
}

// The same; false too when the deadline came first.
template <class Descriptor>
[[nodiscard]] asio::awaitable<bool> wait_ready(Descriptor& descriptor, typename Descriptor::wait_type what,
                                               Deadline deadline) {
    Timer timer(descriptor.get_executor());
    timer.arm_at(deadline, [&descriptor] {
        asio::error_code ignored;
        descriptor.cancel(ignored);
    });
    const bool ready = co_await wait_ready(descriptor, what);
    co_return ready;
}

// Cannot be cut short.
[[nodiscard]] inline asio::awaitable<void> pause_for(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    asio::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace gerve

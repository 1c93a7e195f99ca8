#include "gerve/agent/relay/stream.h"

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "gerve/loop/wait.h"

namespace gerve {

Stream::Stream(asio::io_context& loop, Fd fd) : descriptor_(loop) {
    watch(std::move(fd));
}

void Stream::watch(Fd fd) {
    std::error_code ignored;
    descriptor_.assign(fd.release(), ignored);
    // By way of asio: it remembers, and does not ask the kernel again before the first wait.
    descriptor_.native_non_blocking(true, ignored);
}

void Stream::rest() {
    if (!resting_ && descriptor_.is_open()) resting_ = Fd(descriptor_.release());
}

asio::awaitable<bool> Stream::ready(asio::posix::stream_descriptor::wait_type what) {
    if (resting_) watch(std::move(resting_));
    if (!descriptor_.is_open()) co_return false;
    const bool is_ready = co_await wait_ready(descriptor_, what);
    co_return is_ready;
}

asio::awaitable<bool> Stream::readable() {
    return ready(asio::posix::stream_descriptor::wait_read);
}

asio::awaitable<bool> Stream::writable() {
    return ready(asio::posix::stream_descriptor::wait_write);
}

void Stream::cancel() {
    std::error_code ignored;
    descriptor_.cancel(ignored);
}

void Stream::close() {
    std::error_code ignored;
    descriptor_.close(ignored);
    resting_.reset();
}

asio::awaitable<void> yield_turn() {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace gerve

#include "gerve/agent/relay/pacer.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

namespace gerve {

bool Pacer::became_busy(ssize_t got) {
    const bool before = is_busy();
    if (got > 0) total_ += static_cast<std::uint64_t>(got);
    return is_busy() && !before;
}

asio::awaitable<bool> Pacer::wait_for_more(Stream& stream, ssize_t got) {
    const bool small = got < small_piece;
    if (got > 0) pauses_ = 0;
    if (!small) pause_ = least_pause;
    if (small) turns_ = 0;
    if (small && is_busy() && ++pauses_ <= most_pauses) {
        co_await pause_for(stream);
    } else if (got < 0) {
        pauses_ = 0;
        co_return co_await stream.readable();
    } else if (++turns_ == turns_per_wake) {
        turns_ = 0;
        co_await yield_turn();
    }
    co_return stream.is_open();
}

asio::awaitable<void> Pacer::pause_for(Stream& stream) {
    if (may_rest_) stream.rest();
    std::error_code ignored;
    timer_.expires_after(pause_);
    pause_ = std::min(pause_ * 2, most_pause);
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> DrainPacer::wait_for_room(Stream& pipe, std::size_t put) {
    total_ += put;
    if (total_ < busy_total || put == 0 || put >= much) {
        pause_ = least_pause;
        static_cast<void>(co_await pipe.writable());
        co_return;
    }
    pipe.rest();
    std::error_code ignored;
    timer_.expires_after(pause_);
    pause_ = std::min(pause_ * 2, most_pause);
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace gerve

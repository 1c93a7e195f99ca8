#include "gerve/agent/pacer.h"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

namespace gerve {

asio::awaitable<bool> Pacer::wait_for_more(Stream& stream, ssize_t got) {
    if (got < 0) {
        turns_ = 0;
        co_return co_await stream.readable();
    }
    total_ += static_cast<std::uint64_t>(got);
    if (is_busy() && got < small_piece) {
        turns_ = 0;
        std::error_code ignored;
        timer_.expires_after(pause);
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    } else if (++turns_ == turns_per_wake) {
        turns_ = 0;
        co_await yield_turn();
    }
    co_return stream.is_open();
}

}  // namespace gerve

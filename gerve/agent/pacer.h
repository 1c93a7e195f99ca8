// How one direction of a session waits between two buffers: at once, when the stream is quiet; a little
// longer, when it carries much in small pieces.
#pragma once

#include <sys/types.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>

#include "gerve/agent/waiting.h"

namespace gerve {

// git writes a pack in pieces of 8 KB. Read one by one they cost a wake-up here, a frame, and a wake-up at
// the gateway each, several times what the bytes themselves cost; a busy stream is therefore left alone for a
// millisecond, in which its pipe gathers what comes.
class Pacer {
  public:
    explicit Pacer(asio::io_context& loop) : timer_(loop) {}

    // Waits until it is time to read again, after a read of `got` bytes, or of nothing (-1). False when the
    // stream was cancelled or closed.
    [[nodiscard]] asio::awaitable<bool> wait_for_more(Stream& stream, ssize_t got);

    // More went through than any exchange of a few lines.
    [[nodiscard]] bool is_busy() const { return total_ >= busy_total; }

  private:
    static constexpr std::uint64_t busy_total = 256 * 1024;
    static constexpr ssize_t small_piece = 64 * 1024;
    static constexpr std::chrono::microseconds pause{1000};
    static constexpr int turns_per_wake = 4;  // buffers in a row before other sessions get theirs

    asio::steady_timer timer_;
    std::uint64_t total_ = 0;
    int turns_ = 0;
};

}  // namespace gerve

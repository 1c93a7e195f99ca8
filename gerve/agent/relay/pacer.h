// How one direction of an operation waits between two buffers: at once, when the stream is quiet; a little
// longer, when it carries much in small pieces.
#pragma once

#include <sys/types.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>

#include "gerve/agent/relay/stream.h"

namespace gerve {

// git writes a pack in pieces of 8 KB. Read one by one they cost a wake-up here, a frame, and a wake-up at
// the gateway each, several times what the bytes themselves cost; a busy stream is therefore left alone for a
// millisecond, and for longer while that gathers little in its pipe.
class Pacer {
  public:
    // `may_rest`: nobody but the one who reads ever waits for the stream.
    Pacer(asio::io_context& loop, bool may_rest) : timer_(loop), may_rest_(may_rest) {}

    // Counts what was read (-1: nothing). True once, when more went through than any exchange of a few lines
    // has.
    [[nodiscard]] bool became_busy(ssize_t got);

    // Waits until it is time to read again, after a read of `got` bytes, or of nothing (-1). False when the
    // stream was cancelled or closed.
    [[nodiscard]] asio::awaitable<bool> wait_for_more(Stream& stream, ssize_t got);

  private:
    static constexpr std::uint64_t busy_total = 256 * 1024;
    static constexpr ssize_t small_piece = 64 * 1024;
    static constexpr std::chrono::microseconds least_pause{1000};
    static constexpr std::chrono::microseconds most_pause{4000};
    static constexpr int turns_per_wake = 4;  // buffers in a row before other operations get theirs

    static constexpr int most_pauses = 4;  // in vain, before the stream counts as quiet

    [[nodiscard]] bool is_busy() const { return total_ >= busy_total; }
    [[nodiscard]] asio::awaitable<void> pause_for(Stream& stream);

    asio::steady_timer timer_;
    bool may_rest_;
    std::uint64_t total_ = 0;
    std::chrono::microseconds pause_ = least_pause;
    int turns_ = 0;
    int pauses_ = 0;
};

// How the writer of a pipe waits until there is room. git reads a pack 4 KB at a time, and each time there is
// room: one that is busy and takes little is left to drain for longer.
class DrainPacer {
  public:
    explicit DrainPacer(asio::io_context& loop) : timer_(loop) {}

    // After a write that found the pipe full, and `put` bytes written since the last wait.
    [[nodiscard]] asio::awaitable<void> wait_for_room(Stream& pipe, std::size_t put);

  private:
    static constexpr std::uint64_t busy_total = 512 * 1024;
    static constexpr std::size_t much = 64 * 1024;  // of the 256 KB of a busy pipe
    static constexpr std::chrono::microseconds least_pause{1000};
    static constexpr std::chrono::microseconds most_pause{4000};

    asio::steady_timer timer_;
    std::uint64_t total_ = 0;
    std::chrono::microseconds pause_ = least_pause;
};

}  // namespace gerve

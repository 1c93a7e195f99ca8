// Stream: a descriptor, and how the agent's coroutines wait until it is ready. It belongs to one event loop
// and one thread.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "authz/base/fd.h"

namespace gerve {

// A descriptor made non-blocking, with the two waits that asio gives it. Its owner reads and writes it
// directly.
class Stream {
  public:
    Stream(asio::io_context& loop, Fd fd);

    [[nodiscard]] int fd() { return resting_ ? resting_.get() : descriptor_.native_handle(); }
    [[nodiscard]] bool is_open() const { return resting_ || descriptor_.is_open(); }

    // False when the wait was cancelled or the descriptor is closed.
    [[nodiscard]] asio::awaitable<bool> readable();
    [[nodiscard]] asio::awaitable<bool> writable();

    // Until the next wait the event loop is not woken for it. Asio watches its descriptors all the time, so
    // each write of git's wakes it, whether anybody waits or not.
    void rest();

    void cancel();  // ends the waits under way
    void close();   // and gives the descriptor back

  private:
    [[nodiscard]] asio::awaitable<bool> ready(asio::posix::stream_descriptor::wait_type what);
    void watch(Fd fd);
    asio::posix::stream_descriptor descriptor_;
    Fd resting_;
};

// Lets the other coroutines of the loop run before this one goes on.
[[nodiscard]] asio::awaitable<void> yield_turn();

}  // namespace gerve

// What the agent's coroutines wait for: a descriptor that is ready, an event, a turn, a deadline. All of it
// belongs to one event loop and to one thread.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

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

// Something that happens once. Any number of coroutines may wait for it, before or after.
class Event {
  public:
    explicit Event(asio::io_context& loop) : timer_(loop, asio::steady_timer::time_point::max()) {}
    void set();
    [[nodiscard]] bool is_set() const { return set_; }
    [[nodiscard]] asio::awaitable<void> wait();

  private:
    asio::steady_timer timer_;
    bool set_ = false;
};

// An action that is done later, unless it is replaced, cancelled or its owner goes first.
class Deadline {
  public:
    explicit Deadline(asio::io_context& loop) : timer_(loop) {}
    ~Deadline() { cancel(); }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void arm(std::chrono::milliseconds after, std::function<void()> action);
    void cancel();
    [[nodiscard]] bool is_armed() const { return action_ != nullptr; }

  private:
    asio::steady_timer timer_;
    std::shared_ptr<std::function<void()>> action_;  // a handler already queued finds it gone
};

// Lets the other coroutines of the loop run before this one goes on.
[[nodiscard]] asio::awaitable<void> yield_turn();

}  // namespace gerve

// The gateway's end of an operation: one socket, read by one coroutine and written by several, a frame at a
// time.
#pragma once

#include <sys/types.h>

#include <asio/steady_timer.hpp>
#include <string>
#include <string_view>

#include "gerve/agent/relay/stream.h"

namespace gerve {

class GatewayConnection {
  public:
    // `fd`: connected and non-blocking.
    GatewayConnection(asio::io_context& loop, Fd fd, bool unix_socket)
        : socket_(loop, std::move(fd)),
          unix_socket_(unix_socket),
          turns_(loop, asio::steady_timer::time_point::max()) {}

    [[nodiscard]] bool is_unix() const { return unix_socket_; }

    // Fills `size` bytes. False when the connection ended first, or was cut.
    [[nodiscard]] asio::awaitable<bool> receive_exactly(char* bytes, std::size_t size);

    // Ready when try_receive has something to say.
    [[nodiscard]] Stream& socket() { return socket_; }

    // The number of bytes received; 0 when the connection has ended; -1 when there is nothing yet.
    [[nodiscard]] ssize_t try_receive(char* bytes, std::size_t size);

    // Writes whole frames; those of other coroutines come before or after, never within. False when the
    // connection has ended or was cut.
    [[nodiscard]] asio::awaitable<bool> send(std::string_view frames);

    // As send, but when another frame is under way this one is left to follow it; a second one replaces the
    // first. So a reader that answers never waits for a peer that does not read.
    [[nodiscard]] asio::awaitable<bool> send_soon(std::string frame);

    // Nothing more will come, or nothing can be sent: as far as the kernel knows without reading.
    [[nodiscard]] bool peer_is_gone();

    // Ends the wait for input, for the operation needs no more of it; a frame under way is written first.
    [[nodiscard]] asio::awaitable<void> stop_reading();

    // No more is read, whoever waits for it; what is to be said can still be sent.
    void interrupt();

    // Closes the socket; every wait ends.
    void cut();

    // Says that no more will be written, and takes in what still comes until the peer closes, so that closing
    // does not destroy what is on its way to it. The caller cuts the connection when it has waited long
    // enough.
    [[nodiscard]] asio::awaitable<void> finish();

  private:
    [[nodiscard]] asio::awaitable<void> wait_for_turn();
    [[nodiscard]] asio::awaitable<bool> write_all(std::string_view bytes);

    Stream socket_;
    bool unix_socket_;
    bool writing_ = false;
    bool interrupted_ = false;
    std::string left_behind_;   // what send_soon left to the one who writes
    asio::steady_timer turns_;  // those who wait to write
};

}  // namespace gerve

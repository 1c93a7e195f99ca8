// GitStreams: a git:// client, whose three streams are one socket.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <string>

#include "authz/base/fd.h"
#include "gerve/relay/client_streams.h"

namespace gerve {

// git:// has no stderr. Of what would go there, the first text is kept until git speaks: if it never does,
// the text is why (refusal()).
class GitStreams final : public ClientStreams {
  public:
    // A client that acknowledges no byte, or takes none, for `peer_timeout` is gone; 0: the kernel's
    // patience.
    GitStreams(asio::io_context& loop, Fd socket, std::chrono::milliseconds peer_timeout);

    asio::awaitable<bool> wait_input(Deadline deadline) override;
    std::size_t take_input(std::span<char> into) override;
    [[nodiscard]] bool input_ended() override { return ended_; }
    asio::awaitable<bool> wait_output(Deadline deadline) override;
    std::size_t put_output(OutputStream stream, std::string_view bytes) override;
    void interrupt() override;
    [[nodiscard]] bool gone() const override { return gone_; }

    // Fills `into` with bytes of the client's, or fails when it leaves or the deadline comes.
    asio::awaitable<bool> receive_exactly(std::span<char> into, Deadline deadline);
    // Says why nothing is served, as an ERR packet, if nothing was said so far; then no more is sent, and
    // what the client still sends is dropped for a moment: a close at once could take the text away from it.
    asio::awaitable<void> part(std::string refusal);

    // Reads no more, as if the client had said all.
    void stop_reading();

    [[nodiscard]] const std::string& refusal() const { return refusal_; }
    [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }

  private:
    asio::posix::stream_descriptor socket_;
    News over_;  // news for an input that has ended
    std::string refusal_;
    bool input_interrupted_ = false;
    bool output_interrupted_ = false;
    bool ended_ = false;
    bool gone_ = false;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace gerve

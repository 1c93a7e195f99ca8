// StandardStreams: the git client behind sshd, as the forced command has it on descriptors 0, 1 and 2.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>

#include "gerve/relay/client_streams.h"

namespace gerve::sshd {

// Sockets or pipes; anything else counts as always ready. The descriptors stay the caller's; they do not
// block while this lives, and get back the flags they had.
class StandardStreams final : public ClientStreams {
  public:
    StandardStreams(asio::io_context& loop, int in, int out, int err);
    ~StandardStreams() override;
    StandardStreams(const StandardStreams&) = delete;
    StandardStreams& operator=(const StandardStreams&) = delete;

    asio::awaitable<bool> wait_input(Deadline deadline) override;
    std::size_t take_input(std::span<char> into) override;
    [[nodiscard]] bool input_ended() override { return ended_; }
    asio::awaitable<bool> wait_output(Deadline deadline) override;
    std::size_t put_output(OutputStream stream, std::string_view bytes) override;
    void interrupt() override;
    [[nodiscard]] bool gone() const override { return gone_; }

    // The client is gone, by whatever sign: both waits end.
    void leave();

    [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }

  private:
    struct Stream {
        Stream(asio::io_context& loop, int number);
        ~Stream();
        int flags;
        asio::posix::stream_descriptor descriptor;
    };
    asio::awaitable<bool> wait_for(Stream& stream, asio::posix::stream_descriptor::wait_type what,
                                   Deadline deadline, bool& interrupted);
    asio::awaitable<void> watch_output();
    [[nodiscard]] bool output_hung_up();

    Stream in_;
    Stream out_;
    Stream err_;
    Stream* full_;  // the output that took no more
    News over_;     // news for an input that has ended
    bool input_interrupted_ = false;
    bool output_interrupted_ = false;
    bool ended_ = false;
    bool gone_ = false;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace gerve::sshd

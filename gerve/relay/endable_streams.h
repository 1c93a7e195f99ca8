// EndableStreams: a client's streams that can be taken from it: to the relay, the client is gone from then
// on.
#pragma once

#include <cstdint>
#include <optional>

#include "authz/wire/live_protocol.h"
#include "gerve/relay/client_streams.h"

namespace gerve {

class EndableStreams final : public ClientStreams {
  public:
    explicit EndableStreams(ClientStreams& client) : client_(client) {}

    // Once ended, they take and give nothing; the client's own streams still do, for a last word.
    void end(LiveEnd why) {
        if (!ended_) ended_ = why;
        client_.interrupt();
    }
    [[nodiscard]] const std::optional<LiveEnd>& ended() const { return ended_; }
    [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }

    asio::awaitable<bool> wait_input(Deadline deadline) override { return client_.wait_input(deadline); }
    std::size_t take_input(std::span<char> into) override {
        const std::size_t taken = ended_ ? 0 : client_.take_input(into);
        bytes_in_ += taken;
        return taken;
    }
    [[nodiscard]] bool input_ended() override { return client_.input_ended(); }
    asio::awaitable<bool> wait_output(Deadline deadline) override { return client_.wait_output(deadline); }
    [[nodiscard]] std::size_t output_room() override { return client_.output_room(); }
    std::size_t put_output(OutputStream stream, std::string_view bytes) override {
        const std::size_t put = ended_ ? 0 : client_.put_output(stream, bytes);
        bytes_out_ += put;
        return put;
    }
    void interrupt() override { client_.interrupt(); }
    [[nodiscard]] bool gone() const override { return ended_ || client_.gone(); }

  private:
    ClientStreams& client_;
    std::optional<LiveEnd> ended_;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace gerve

// Upstream: the connection of one git operation to an agent, from connect to OPEN_OK.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/model/route.h"
#include "gerve/relay/grv1.h"
#include "gerve/relay/wakeup.h"

namespace gerve {

class Upstream {
  public:
    // Connects, sends the OPEN message and waits for OPEN_OK. Errors: unavailable (not reached, or a
    // retryable FAIL: another endpoint may serve), denied (a FAIL that no other endpoint will answer
    // otherwise); `detail` says why.
    static asio::awaitable<Result<Upstream>> open(Endpoint endpoint, std::string open_message,
                                                  Deadline deadline);

    Upstream(Upstream&&) = default;

    // Sends all of `bytes` (frames), waiting while the agent does not read. False: the connection is lost.
    asio::awaitable<bool> send(std::string_view bytes);
    // The same with the bytes of a stream, in as many frames as they need. `payload` is read no more once
    // this has suspended.
    asio::awaitable<bool> send_data(grv1::FrameType type, std::string_view payload);
    // Waits until there is something to receive. False: cancelled or lost.
    asio::awaitable<bool> wait_readable();
    // Bytes now there; 0: end of the stream or an error; nothing: none now.
    std::optional<std::size_t> receive(std::span<char> into);
    void close();

    [[nodiscard]] grv1::FrameReader& frames() { return frames_; }
    // What came behind OPEN_OK already.
    [[nodiscard]] std::string take_early() { return std::exchange(early_, {}); }

  private:
    explicit Upstream(asio::posix::stream_descriptor socket) : socket_(std::move(socket)) {}
    asio::awaitable<Result<void>> await_open_ok(Deadline deadline);
    [[nodiscard]] Result<bool> take_answer(std::string_view bytes);
    // How many bytes the socket takes now; nothing when the connection is lost.
    [[nodiscard]] std::optional<std::size_t> put_bytes(std::string_view bytes);
    // Waits and sends; `kept` stays as it is meanwhile.
    asio::awaitable<bool> drain(std::string_view kept);
    // Puts what the socket takes now: what is left over, framed, or nothing when the connection is lost.
    [[nodiscard]] std::optional<std::string> put_data(grv1::FrameType type, std::string_view payload);

    asio::posix::stream_descriptor socket_;
    grv1::FrameReader frames_{grv1::FrameReader::Receiver::gateway};
    std::string early_;
};

}  // namespace gerve

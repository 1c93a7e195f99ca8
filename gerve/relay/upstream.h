// Upstream: the connection of one git operation to a file server, an agent or a stock git daemon.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gerve/relay/connect.h"
#include "gerve/relay/grv1.h"
#include "gerve/relay/packet_stream.h"

namespace gerve {

class Upstream {
  public:
    // Connects and sends `message`: the OPEN of an agent, or the request to a git daemon. Waits for OPEN_OK,
    // or for the daemon's first bytes; `answer_deadline` is for these. Who has not answered when
    // `connect_deadline` comes is asked whether it lives: the operation may be waiting for its turn, or git
    // for its disk.
    static asio::awaitable<Opened<Upstream>> open(Destined destined, std::string message,
                                                  Deadline connect_deadline, Deadline answer_deadline);

    // Whether the endpoint serves: an agent says so (PING); a git daemon answers a request, if only by
    // refusing it: that it takes the connection is the kernel's doing.
    static asio::awaitable<Opened<void>> probe(Destined destined, Deadline deadline);

    Upstream(Upstream&&) = default;
    Upstream& operator=(Upstream&&) = default;

    // An agent frames its streams (frames()); a git daemon sends stdout as it is (packets()).
    [[nodiscard]] bool is_framed() const { return framed_; }

    // The bytes of the client's stream, in as many frames as they need, waiting while the file server does
    // not read. `payload` has to stay until then. False: the connection is lost.
    asio::awaitable<bool> send_data(std::string_view payload);
    // The client has sent everything.
    asio::awaitable<bool> send_end();
    // The client has left: git is to come to its end without it. Only with frames.
    asio::awaitable<bool> send_cancel();
    // Waits until there is something to receive. False: cancelled or lost.
    asio::awaitable<bool> wait_readable();
    // What would be received next is of the client's stream: nothing is lost by leaving it there.
    [[nodiscard]] bool payload_waits();
    // Bytes now there; 0: end of the stream or an error; nothing: none now.
    std::optional<std::size_t> receive(std::span<char> into);
    void close();

    [[nodiscard]] grv1::FrameReader& frames() { return frames_; }
    [[nodiscard]] PacketStream& packets() { return packets_; }
    // What came behind OPEN_OK already, or the daemon's first bytes.
    [[nodiscard]] std::string take_early() { return std::exchange(early_, {}); }

  private:
    Upstream(asio::posix::stream_descriptor socket, bool framed)
        : socket_(std::move(socket)), framed_(framed) {}
    // False: neither an answer nor the end came in time.
    asio::awaitable<Opened<bool>> await_answer(const Endpoint& endpoint, Deadline deadline);
    [[nodiscard]] Opened<bool> take_answer(const Endpoint& endpoint, std::string_view bytes);
    [[nodiscard]] Opened<bool> take_open_ok(const Endpoint& endpoint, std::string_view bytes);
    [[nodiscard]] Opened<bool> take_first_packet(const Endpoint& endpoint, std::string_view bytes);
    // Sends all of it, waiting while the file server does not read.
    asio::awaitable<bool> send(std::string_view bytes);
    // How many bytes the socket takes now; nothing when the connection is lost.
    [[nodiscard]] std::optional<std::size_t> put_bytes(std::string_view bytes);
    // Waits and sends; `kept` stays as it is meanwhile.
    asio::awaitable<bool> drain(std::string_view kept);
    asio::awaitable<bool> wait_writable();  // as wait_readable()

    asio::posix::stream_descriptor socket_;
    bool framed_;
    grv1::FrameReader frames_{grv1::FrameReader::Receiver::gateway};
    PacketStream packets_;
    std::string early_;
};

}  // namespace gerve

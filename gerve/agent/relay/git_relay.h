// Carries the three streams of one git process over a connection, and sees to it that the process ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gerve/agent/relay/gateway_connection.h"
#include "gerve/agent/relay/pacer.h"
#include "gerve/agent/relay/stream.h"
#include "gerve/agent/repository/git_process.h"
#include "gerve/loop/event.h"
#include "gerve/loop/timer.h"
#include "gerve/relay/buffer_pool.h"
#include "gerve/relay/grv1.h"

namespace gerve {

// What becomes of git when its gateway goes away, or cancels.
enum class Abandoned {
    ended,     // SIGTERM to the process group, SIGKILL when the grace is over
    finishes,  // no signal: its input ends, its output goes nowhere, and it may take long
};

struct RelayLimits {
    std::chrono::milliseconds grace{0};
    std::chrono::milliseconds abandoned{0};  // after which even one that `finishes` is ended
};

// Who is told the bytes of git's streams, as they come; none of them is required.
struct Watchers {
    std::function<void(std::string_view)> input;
    std::function<void(std::string_view)> output;  // also what is dropped because the peer is gone
    std::function<void(std::string_view)> errors;  // likewise
    // Asked when the peer goes. False: git has written nothing so far, and is ended even if it `finishes`.
    std::function<bool()> has_written;
};

struct RelayCount {
    std::uint64_t from_gateway = 0;  // bytes of git's input
    std::uint64_t to_gateway = 0;    // bytes of git's output and errors
};

// Made by std::make_shared; lives in one event loop.
class GitRelay : public std::enable_shared_from_this<GitRelay> {
  public:
    GitRelay(asio::io_context& loop, BufferPool& buffers, std::shared_ptr<GatewayConnection> peer,
             GitProcess git, Abandoned abandoned, RelayLimits limits);

    // Runs until both output streams have ended and the process is reaped. `on_output` is called once, with
    // the first output or its end. The EXIT is the caller's to send, if the peer is still there.
    [[nodiscard]] asio::awaitable<grv1::Exit> run(std::function<void()> on_output);

    void watch(Watchers watchers) { watchers_ = std::move(watchers); }  // before run()

    // Ends git's input, as if the client had ended it.
    void end_input() { in_.close(); }

    // Cuts the connection, and lets git end as if the gateway had gone. The first reason counts.
    void lose_peer(std::string reason);

    [[nodiscard]] bool peer_is_gone() const { return peer_gone_; }
    [[nodiscard]] const RelayCount& count() const { return count_; }

  private:
    [[nodiscard]] asio::awaitable<void> relay_output(Stream& from, grv1::FrameType type);
    [[nodiscard]] asio::awaitable<ssize_t> relay_once(Stream& from, grv1::FrameType type);
    [[nodiscard]] asio::awaitable<void> relay_errors();
    [[nodiscard]] asio::awaitable<void> relay_input();
    [[nodiscard]] asio::awaitable<ssize_t> take_once();
    [[nodiscard]] asio::awaitable<bool> answer_ping(std::string_view payload);
    [[nodiscard]] asio::awaitable<bool> take_frames(std::string_view bytes);
    [[nodiscard]] asio::awaitable<bool> take_part(grv1::FramePart part);
    [[nodiscard]] asio::awaitable<void> write_to_git(std::string_view bytes);
    [[nodiscard]] asio::awaitable<grv1::Exit> reap();

    void output_seen();
    void abandon(std::string reason);
    void end_group();
    void kill_group();
    void enlarge(Stream& stream);

    asio::io_context& loop_;
    BufferPool& buffers_;
    std::shared_ptr<GatewayConnection> peer_;
    GitProcess git_;
    Abandoned abandoned_;
    RelayLimits limits_;
    Stream in_;
    DrainPacer in_pacer_;
    std::size_t put_since_wait_ = 0;  // bytes of git's input since its pipe was last full
    Stream out_;
    Stream err_;
    grv1::FrameReader frames_{grv1::FrameReader::Receiver::agent};
    Event errors_over_;
    Event input_over_;
    Timer deadline_;
    std::function<void()> on_output_;
    Watchers watchers_;
    RelayCount count_;
    std::optional<std::string> reason_;  // of the early end; output is dropped once there is one
    bool peer_gone_ = false;             // nothing is sent any more
    bool over_ = false;                  // no more input is wanted
};

}  // namespace gerve

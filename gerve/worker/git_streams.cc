#include "gerve/worker/git_streams.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "authz/os/tcp_options.h"
#include "gerve/loop/wait.h"
#include "gerve/relay/connect.h"
#include "gerve/relay/packet_stream.h"

namespace gerve {
namespace {

// One frame of GRV1, so that the relay sends what came as it lies.
constexpr std::size_t read_size = 256 * 1024;
constexpr std::size_t max_refusal = 1024;
constexpr std::chrono::seconds closing_timeout{2};

// A fetch whose client stopped reading holds so much in the kernel, and no more.
constexpr int max_unsent = 256 * 1024;

}  // namespace

GitStreams::GitStreams(asio::io_context& loop, Fd socket, std::chrono::milliseconds peer_timeout)
    : socket_(loop, socket.release()), over_(loop.get_executor()) {
    set_tcp_options(socket_.native_handle(), {.peer_timeout = peer_timeout, .max_unsent = max_unsent});
}

asio::awaitable<bool> GitStreams::wait_input(Deadline deadline) {
    if (gone_ || std::exchange(input_interrupted_, false)) co_return true;
    // A socket whose other end is closed stays ready for ever.
    if (ended_) co_return co_await over_.wait(deadline);
    co_await wait_ready(socket_, socket_.wait_read, deadline);
    input_interrupted_ = false;
    co_return deadline == no_deadline || std::chrono::steady_clock::now() < deadline;
}

asio::awaitable<bool> GitStreams::wait_output(Deadline deadline) {
    if (gone_ || std::exchange(output_interrupted_, false)) co_return true;
    co_await wait_ready(socket_, socket_.wait_write, deadline);
    output_interrupted_ = false;
    co_return deadline == no_deadline || std::chrono::steady_clock::now() < deadline;
}

std::size_t GitStreams::take_input(std::span<char> into) {
    while (!ended_ && !gone_) {
        const ssize_t got =
            ::recv(socket_.native_handle(), into.data(), std::min(into.size(), read_size), MSG_DONTWAIT);
        if (got > 0) {
            bytes_in_ += static_cast<std::size_t>(got);
            return static_cast<std::size_t>(got);
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
        ended_ = true;
        gone_ = got < 0;
    }
    return 0;
}

std::size_t GitStreams::put_output(OutputStream stream, std::string_view bytes) {
    if (stream == OutputStream::err) {
        if (bytes_out_ == 0)
            refusal_.append(bytes.substr(0, max_refusal - std::min(max_refusal, refusal_.size())));
        return bytes.size();
    }
    while (!gone_) {
        const ssize_t put =
            ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put >= 0) {
            bytes_out_ += static_cast<std::size_t>(put);
            return static_cast<std::size_t>(put);
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        gone_ = true;
        interrupt();
    }
    return 0;
}

void GitStreams::interrupt() {
    input_interrupted_ = true;
    output_interrupted_ = true;
    over_.notify();
    asio::error_code ignored;
    socket_.cancel(ignored);
}

void GitStreams::stop_reading() {
    ::shutdown(socket_.native_handle(), SHUT_RD);
}

asio::awaitable<bool> GitStreams::receive_exactly(std::span<char> into, Deadline deadline) {
    while (!into.empty()) {
        const std::size_t got = take_input(into);
        into = into.subspan(got);
        if (got > 0) continue;
        if (ended_ || gone_) co_return false;
        const bool in_time = co_await wait_input(deadline);
        if (!in_time) co_return false;
    }
    co_return true;
}

asio::awaitable<void> GitStreams::part(std::string refusal) {
    if (bytes_out_ == 0 && !refusal.empty()) {
        const std::string packet = encode_packet("ERR " + refusal);
        (void)put_output(OutputStream::out, packet);
    }
    if (gone_) co_return;
    ::shutdown(socket_.native_handle(), SHUT_WR);
    const Deadline deadline = std::chrono::steady_clock::now() + closing_timeout;
    char dropped[4096];
    bool in_time = true;
    while (in_time && !ended_ && !gone_) {
        const std::size_t got = take_input(dropped);
        if (got == 0 && !ended_ && !gone_) in_time = co_await wait_input(deadline);
        in_time = in_time && std::chrono::steady_clock::now() < deadline;
    }
}

}  // namespace gerve

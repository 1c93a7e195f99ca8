#include "sshd-plugin/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <cerrno>

#include "gerve/loop/timer.h"

namespace gerve::sshd {
namespace {

using asio::posix::stream_descriptor;

// One frame of GRV1, so that the relay sends what came as it lies.
constexpr std::size_t read_size = 256 * 1024;

}  // namespace

StandardStreams::Stream::Stream(asio::io_context& loop, int number)
    : flags(::fcntl(number, F_GETFL)), descriptor(loop) {
    asio::error_code closed;
    descriptor.assign(number, closed);
    if (!closed) ::fcntl(number, F_SETFL, flags | O_NONBLOCK);
}

StandardStreams::Stream::~Stream() {
    if (!descriptor.is_open()) return;
    const int number = descriptor.release();
    ::fcntl(number, F_SETFL, flags);
}

StandardStreams::StandardStreams(asio::io_context& loop, int in, int out, int err)
    : in_(loop, in), out_(loop, out), err_(loop, err), full_(&out_), over_(loop.get_executor()) {
    asio::co_spawn(loop, watch_output(), asio::detached);
}

StandardStreams::~StandardStreams() = default;

// Ends early when the descriptor is cancelled, by interrupt(), leave() or the deadline.
asio::awaitable<bool> StandardStreams::wait_for(Stream& stream, stream_descriptor::wait_type what,
                                                Deadline deadline, bool& interrupted) {
    if (gone_ || std::exchange(interrupted, false)) co_return true;
    const auto executor = co_await asio::this_coro::executor;
    Timer timer(executor);
    timer.arm_at(deadline, [&stream] {
        asio::error_code ignored;
        stream.descriptor.cancel(ignored);
    });
    asio::error_code failed;
    co_await stream.descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, failed));
    // A file or /dev/null knows no readiness: it is always ready, but others have their turn.
    if (failed == asio::error::operation_not_supported) {
        co_await asio::post(executor, asio::use_awaitable);
    }
    interrupted = false;
    co_return deadline == no_deadline || std::chrono::steady_clock::now() < deadline;
}

asio::awaitable<bool> StandardStreams::wait_input(Deadline deadline) {
    // A pipe whose writer is gone stays ready for ever.
    if (ended_ && !gone_) return over_.wait(deadline);
    return wait_for(in_, stream_descriptor::wait_read, deadline, input_interrupted_);
}

asio::awaitable<bool> StandardStreams::wait_output(Deadline deadline) {
    return wait_for(*full_, stream_descriptor::wait_write, deadline, output_interrupted_);
}

std::size_t StandardStreams::take_input(std::span<char> into) {
    while (!ended_ && !gone_) {
        const ssize_t got =
            ::read(in_.descriptor.native_handle(), into.data(), std::min(into.size(), read_size));
        if (got > 0) {
            bytes_in_ += static_cast<std::size_t>(got);
            return static_cast<std::size_t>(got);
        }
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
        ended_ = true;
    }
    return 0;
}

// What is written to a stderr that is closed is dropped: the client may still read the other stream.
std::size_t StandardStreams::put_output(OutputStream stream, std::string_view bytes) {
    Stream& to = stream == OutputStream::out ? out_ : err_;
    while (true) {
        const ssize_t put = ::write(to.descriptor.native_handle(), bytes.data(), bytes.size());
        if (put >= 0) {
            bytes_out_ += static_cast<std::size_t>(put);
            if (static_cast<std::size_t>(put) < bytes.size()) full_ = &to;
            return static_cast<std::size_t>(put);
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            full_ = &to;
            return 0;
        }
        if (stream == OutputStream::err) return bytes.size();
        leave();
        return 0;
    }
}

void StandardStreams::interrupt() {
    input_interrupted_ = true;
    output_interrupted_ = true;
    over_.notify();
    asio::error_code ignored;
    in_.descriptor.cancel(ignored);
    full_->descriptor.cancel(ignored);
}

void StandardStreams::leave() {
    gone_ = true;
    interrupt();
}

bool StandardStreams::output_hung_up() {
    pollfd watched{out_.descriptor.native_handle(), 0, 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

// sshd ends its session by closing its ends; an input that has ended says nothing, since git may still
// answer.
asio::awaitable<void> StandardStreams::watch_output() {
    while (!gone_) {
        if (output_hung_up()) co_return leave();
        asio::error_code failed;
        co_await out_.descriptor.async_wait(stream_descriptor::wait_error,
                                            asio::redirect_error(asio::use_awaitable, failed));
        if (failed == asio::error::operation_not_supported) co_return;
        if (failed && !out_.descriptor.is_open()) co_return;
    }
}

}  // namespace gerve::sshd

#include "gerve/agent/relay/git_relay.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cerrno>

#include "authz/base/log.h"

namespace gerve {
namespace {

using grv1::FrameType;

// The size of the pipes of a stream that has carried much.
constexpr int busy_pipe = 256 * 1024;

// The streams go on without a watcher that fails.
void tell(std::function<void(std::string_view)>& watcher, std::string_view bytes) {
    try {
        if (watcher) watcher(bytes);
    } catch (const std::exception& error) {
        watcher = nullptr;
        log::error("cannot follow git's streams for the report", {{"error", error.what()}});
    }
}

}  // namespace

GitRelay::GitRelay(asio::io_context& loop, BufferPool& buffers, std::shared_ptr<GatewayConnection> peer,
                   GitProcess git, Abandoned abandoned, RelayLimits limits)
    : loop_(loop),
      buffers_(buffers),
      peer_(std::move(peer)),
      git_(std::move(git)),
      abandoned_(abandoned),
      limits_(limits),
      in_(loop, std::move(git_.in)),
      in_pacer_(loop),
      out_(loop, std::move(git_.out)),
      err_(loop, std::move(git_.err)),
      errors_over_(loop),
      input_over_(loop),
      deadline_(loop) {}

asio::awaitable<grv1::Exit> GitRelay::run(std::function<void()> on_output) {
    on_output_ = std::move(on_output);
    const auto self = shared_from_this();
    asio::co_spawn(loop_, relay_errors(), [self](std::exception_ptr) { self->errors_over_.set(); });
    asio::co_spawn(loop_, relay_input(), [self](std::exception_ptr) { self->input_over_.set(); });
    co_await relay_output(out_, FrameType::stdout_data);
    output_seen();
    co_await errors_over_.wait();
    const grv1::Exit report = co_await reap();
    over_ = true;
    deadline_.cancel();
    in_.close();
    co_await peer_->stop_reading();
    co_await input_over_.wait();
    co_return report;
}

void GitRelay::output_seen() {
    if (!on_output_) return;
    on_output_();
    on_output_ = nullptr;
}

// ---- from git

asio::awaitable<void> GitRelay::relay_errors() {
    co_await relay_output(err_, FrameType::stderr_data);
}

asio::awaitable<void> GitRelay::relay_output(Stream& from, FrameType type) {
    Pacer pacer(loop_, true);
    bool ready = co_await from.readable();  // git has only just started
    while (ready && from.is_open()) {
        const ssize_t got = co_await relay_once(from, type);
        if (got == 0) break;
        if (pacer.became_busy(got)) enlarge(from);
        ready = co_await pacer.wait_for_more(from, got);
    }
    from.close();
}

// One buffer full. The number of bytes read; 0 at the end; -1 when there is nothing yet.
asio::awaitable<ssize_t> GitRelay::relay_once(Stream& from, FrameType type) {
    BufferPool::Buffer buffer = buffers_.take();
    char* const frame = buffer.bytes().data();
    // Behind the room for its header.
    const ssize_t got = ::read(from.fd(), frame + grv1::header_size, grv1::max_payload);
    if (got < 0) co_return errno == EAGAIN || errno == EINTR ? -1 : 0;
    if (got == 0) co_return 0;
    output_seen();
    const auto size = static_cast<std::size_t>(got);
    count_.to_gateway += size;
    tell(type == FrameType::stdout_data ? watchers_.output : watchers_.errors,
         {frame + grv1::header_size, size});
    if (reason_) co_return got;  // to nowhere
    grv1::encode_header(type, size, frame);
    const bool sent = co_await peer_->send({frame, grv1::header_size + size});
    if (!sent) lose_peer("the gateway stopped reading");
    co_return got;
}

// Enlarging every pipe at once would use up what a user may have in pipes (fs.pipe-user-pages-soft) with
// operations that never need it.
void GitRelay::enlarge(Stream& stream) {
    if (stream.is_open()) ::fcntl(stream.fd(), F_SETPIPE_SZ, busy_pipe);
}

// ---- to git

asio::awaitable<void> GitRelay::relay_input() {
    Pacer pacer(loop_, false);
    bool ready = true;
    while (ready && !over_) {
        const ssize_t got = co_await take_once();
        if (got == 0 || over_) break;
        if (pacer.became_busy(got)) enlarge(in_);
        ready = co_await pacer.wait_for_more(peer_->socket(), got);
    }
}

// One buffer full, as relay_once; 0 also when no more is to be taken.
asio::awaitable<ssize_t> GitRelay::take_once() {
    BufferPool::Buffer buffer = buffers_.take();
    const ssize_t got = peer_->try_receive(buffer.bytes().data(), grv1::max_payload);
    if (got == 0) lose_peer("the gateway closed the connection");
    if (got <= 0) co_return got;
    const bool taken = co_await take_frames({buffer.bytes().data(), static_cast<std::size_t>(got)});
    co_return taken ? got : 0;
}

asio::awaitable<bool> GitRelay::take_frames(std::string_view bytes) {
    while (true) {
        const auto part = frames_.next(bytes);
        if (!part) {
            lose_peer(part.error().told);
            co_return false;
        }
        if (!part->has_value()) co_return true;
        const bool goes_on = co_await take_part(part->value());
        if (!goes_on) co_return false;
    }
}

asio::awaitable<bool> GitRelay::take_part(grv1::FramePart part) {
    switch (part.type) {
        case FrameType::stdin_data: co_await write_to_git(part.payload); break;
        case FrameType::stdin_eof: in_.close(); break;
        case FrameType::cancel: abandon("cancelled"); break;
        case FrameType::ping: co_return co_await answer_ping(part.payload);
        default: break;  // the reader lets no other frame through
    }
    co_return true;
}

asio::awaitable<bool> GitRelay::answer_ping(std::string_view payload) {
    std::string pong = grv1::encode_frame(FrameType::pong, payload);
    const bool sent = co_await peer_->send_soon(std::move(pong));
    if (!sent) lose_peer("the gateway stopped reading");
    co_return sent;
}

// A git that closes its input early wants no more of it; that is its right.
asio::awaitable<void> GitRelay::write_to_git(std::string_view bytes) {
    count_.from_gateway += bytes.size();
    tell(watchers_.input, bytes);
    while (!bytes.empty() && in_.is_open()) {
        const ssize_t put = ::write(in_.fd(), bytes.data(), bytes.size());
        if (put >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
            put_since_wait_ += static_cast<std::size_t>(put);
        } else if (errno == EAGAIN) {
            const std::size_t since = put_since_wait_;
            put_since_wait_ = 0;
            co_await in_pacer_.wait_for_room(in_, since);
        } else if (errno != EINTR) {
            in_.close();
        }
    }
}

// ---- the end

void GitRelay::lose_peer(std::string reason) {
    if (over_ || peer_gone_) return;
    peer_gone_ = true;
    peer_->cut();
    abandon(std::move(reason));
}

void GitRelay::abandon(std::string reason) {
    if (over_ || reason_) return;
    reason_ = std::move(reason);
    in_.close();
    if (watchers_.has_written && !watchers_.has_written()) abandoned_ = Abandoned::ended;
    const auto after = abandoned_ == Abandoned::ended ? limits_.grace : limits_.abandoned;
    if (abandoned_ == Abandoned::ended) git_.signal_group(SIGTERM);
    deadline_.arm(after, [this] { abandoned_ == Abandoned::ended ? kill_group() : end_group(); });
}

void GitRelay::end_group() {
    abandoned_ = Abandoned::ended;
    git_.signal_group(SIGTERM);
    deadline_.arm(limits_.grace, [this] { kill_group(); });
}

// Whoever left the group and still holds a pipe is no longer waited for.
void GitRelay::kill_group() {
    git_.signal_group(SIGKILL);
    peer_->cut();
    out_.close();
    err_.close();
}

asio::awaitable<grv1::Exit> GitRelay::reap() {
    if (!git_.has_ended()) {
        if (auto pidfd = git_.open_pidfd()) {
            Stream ending(loop_, std::move(*pidfd));
            static_cast<void>(co_await ending.readable());
        } else {
            log::error("cannot watch git", {{"pid", git_.pid()}, {"error", describe(pidfd.error())}});
        }
    }
    // As long as it is not reaped, its group's number is nobody else's.
    if (reason_ && abandoned_ == Abandoned::ended) git_.signal_group(SIGKILL);
    const GitEnd end = git_.reap();
    grv1::Exit report;
    report.code = end.signal != 0 ? grv1::Exit::no_code : static_cast<std::uint32_t>(end.code);
    report.signal = static_cast<std::uint8_t>(end.signal);
    report.reason = reason_.value_or("");
    co_return report;
}

}  // namespace gerve

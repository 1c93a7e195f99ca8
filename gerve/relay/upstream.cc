#include "gerve/relay/upstream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "authz/base/text.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

// Of a FAIL that ends the operation. client: the agent does not know what it was asked for, or is not to
// serve it.
ErrorKind kind_of_fail(grv1::FailCode code) {
    if (code == grv1::FailCode::no_such_repository) return ErrorKind::denied;
    const bool unknown = code == grv1::FailCode::bad_request || code == grv1::FailCode::service_disabled;
    return unknown ? ErrorKind::client : ErrorKind::internal;
}

// What a git daemon is asked for to see whether it answers: no owner has such a name.
constexpr const char* no_repository = ".gerve-asks-whether-you-answer";

}  // namespace

asio::awaitable<Opened<Upstream>> Upstream::open(Destined destined, std::string message,
                                                 Deadline connect_deadline, Deadline answer_deadline) {
    const Endpoint& endpoint = destined.endpoint;
    const auto patience = connect_deadline - std::chrono::steady_clock::now();
    auto socket = co_await connect_to(destined, connect_deadline);
    if (!socket) co_return tl::make_unexpected(socket.error());
    Upstream upstream(std::move(*socket), endpoint.kind() != Endpoint::Kind::git_daemon);
    const bool sent = co_await upstream.send(message);
    if (!sent) co_return missed(Missed::refused, endpoint, "connection lost");
    auto answered = co_await upstream.await_answer(endpoint, connect_deadline);
    if (!answered) co_return tl::make_unexpected(answered.error());
    if (*answered) co_return upstream;
    const Deadline probe_deadline = std::chrono::steady_clock::now() + patience / 2;
    const auto lives = co_await probe(destined, probe_deadline);
    if (!lives && lives.error().how == Missed::silent) co_return tl::make_unexpected(lives.error());
    answered = co_await upstream.await_answer(endpoint, answer_deadline);
    if (!answered) co_return tl::make_unexpected(answered.error());
    // It lives, as the probe has just found: it is busy.
    if (!*answered) co_return missed(Missed::refused, endpoint, "no answer to the request");
    co_return upstream;
}

asio::awaitable<Opened<void>> Upstream::probe(Destined destined, Deadline deadline) {
    const Endpoint& endpoint = destined.endpoint;
    auto socket = co_await connect_to(destined, deadline);
    if (!socket) co_return tl::make_unexpected(socket.error());
    const bool is_daemon = endpoint.kind() == Endpoint::Kind::git_daemon;
    const std::string question = is_daemon ? encode_daemon_request(no_repository, endpoint.host(), "")
                                           : grv1::encode_frame(grv1::FrameType::ping);
    Upstream upstream(std::move(*socket), !is_daemon);
    const bool sent = co_await upstream.send(question);
    if (!sent) co_return missed(Missed::refused, endpoint, "connection lost");
    while (true) {
        char buffer[grv1::header_size + grv1::max_control];
        const auto got = upstream.receive(buffer);
        if (!got) {
            const bool in_time = co_await wait_ready(upstream.socket_, upstream.socket_.wait_read, deadline);
            if (!in_time)
                co_return missed(Missed::silent, endpoint, "it accepts connections but does not answer");
            continue;
        }
        // That a daemon has no such repository is as good an answer as any.
        const bool answers =
            *got > 0 && (is_daemon || static_cast<grv1::FrameType>(buffer[0]) == grv1::FrameType::pong);
        if (!answers) co_return missed(Missed::refused, endpoint, "it is not serving");
        co_return Opened<void>();
    }
}

asio::awaitable<Opened<bool>> Upstream::await_answer(const Endpoint& endpoint, Deadline deadline) {
    char buffer[4096];
    while (true) {
        const bool in_time = co_await wait_ready(socket_, socket_.wait_read, deadline);
        if (!in_time) co_return false;
        const auto got = receive(buffer);
        if (!got) continue;
        if (*got == 0) co_return missed(Missed::refused, endpoint, "connection lost before an answer");
        const auto done = take_answer(endpoint, std::string_view(buffer, *got));
        if (!done || *done) co_return done;
    }
}

Opened<bool> Upstream::take_answer(const Endpoint& endpoint, std::string_view bytes) {
    return framed_ ? take_open_ok(endpoint, bytes) : take_first_packet(endpoint, bytes);
}

// True once OPEN_OK is there; what stands behind it is kept.
Opened<bool> Upstream::take_open_ok(const Endpoint& endpoint, std::string_view bytes) {
    const auto part = frames_.next(bytes);
    if (!part) return missed(Missed::refused, endpoint, "not an agent: " + describe(part.error()));
    if (!*part) return false;
    if ((*part)->type == grv1::FrameType::open_ok) {
        early_.assign(bytes);
        return true;
    }
    if ((*part)->type != grv1::FrameType::fail) {
        return missed(Missed::refused, endpoint, "not an agent: OPEN_OK expected");
    }
    const auto failure = grv1::parse_fail((*part)->payload);
    if (!failure) return missed(Missed::refused, endpoint, "malformed FAIL");
    const std::string why = "FAIL " + std::to_string(static_cast<int>(failure->code)) + " " + failure->text;
    if (failure->code == grv1::FailCode::storage) {
        // It serves; only this repository's disk does not. A push that is not retryable goes nowhere else,
        // whatever another endpoint's disk has of the repository.
        OpenFailure trouble = missed(Missed::operation, endpoint, why).value();
        trouble.tries_others = failure->retryable;
        return tl::make_unexpected(trouble);
    }
    if (failure->code == grv1::FailCode::account_limit) {
        OpenFailure limited = missed(Missed::operation, endpoint, why).value();
        limited.error.told = printable(failure->text, 100);
        limited.tries_others = false;
        return tl::make_unexpected(limited);
    }
    if (failure->retryable) return missed(Missed::refused, endpoint, why);
    OpenFailure refused = missed(Missed::operation, endpoint, why).value();
    refused.error.kind = kind_of_fail(failure->code);
    refused.tries_others = refused.error.kind != ErrorKind::denied;
    return tl::make_unexpected(refused);
}

// A daemon speaks first, if only to refuse; that it closes at once may mean that it has too many clients.
Opened<bool> Upstream::take_first_packet(const Endpoint& endpoint, std::string_view bytes) {
    PacketStream first;
    early_.append(bytes);
    first.take(early_);
    if (first.may_end()) return true;  // nothing to advertise
    constexpr std::size_t enough = 8;  // bytes: a packet's header, and the first four of what it says
    if (first.first_packet().size() < 4) {
        if (early_.size() >= enough) return missed(Missed::refused, endpoint, "not a git daemon");
        return false;
    }
    if (!first.is_refusal()) return true;
    // A mirror may lack what another one, or the agent beside it, has.
    return missed(Missed::operation, endpoint, printable(first.first_packet(), 200));
}

namespace {

// Data frames side by side, to be sent where their payloads lie.
class FrameBatch {
  public:
    static constexpr std::size_t max_frames = 8;

    // Takes as much of `payload` as fits.
    explicit FrameBatch(std::string_view payload) {
        for (; frames_ < max_frames && !payload.empty(); ++frames_) {
            const std::string_view piece = payload.substr(0, grv1::max_payload);
            grv1::encode_header(grv1::FrameType::stdin_data, piece.size(), headers_[frames_].data());
            parts_[2 * frames_] = {headers_[frames_].data(), grv1::header_size};
            parts_[2 * frames_ + 1] = {const_cast<char*>(piece.data()), piece.size()};
            payload_ += piece.size();
            payload.remove_prefix(piece.size());
        }
    }
    [[nodiscard]] std::size_t payload() const { return payload_; }
    [[nodiscard]] bool is_sent() const { return first_ == 2 * frames_; }

    // What sendmsg(2) says.
    ssize_t send(int socket) {
        msghdr message{};
        message.msg_iov = parts_.data() + first_;
        message.msg_iovlen = 2 * frames_ - first_;
        const ssize_t put = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (put > 0) pass(static_cast<std::size_t>(put));
        return put;
    }

  private:
    void pass(std::size_t sent) {
        for (; first_ < 2 * frames_ && sent >= parts_[first_].iov_len; ++first_) {
            sent -= parts_[first_].iov_len;
        }
        if (sent == 0) return;
        parts_[first_].iov_base = static_cast<char*>(parts_[first_].iov_base) + sent;
        parts_[first_].iov_len -= sent;
    }

    std::array<std::array<char, grv1::header_size>, max_frames> headers_;
    std::array<iovec, 2 * max_frames> parts_;
    std::size_t frames_ = 0;
    std::size_t first_ = 0;  // of the parts, that is not sent as a whole
    std::size_t payload_ = 0;
};

}  // namespace

asio::awaitable<bool> Upstream::send_data(std::string_view payload) {
    if (!framed_) {
        const bool sent_raw = co_await send(payload);
        co_return sent_raw;
    }
    while (!payload.empty()) {
        FrameBatch batch(payload);
        payload.remove_prefix(batch.payload());
        while (!batch.is_sent()) {
            const ssize_t put = batch.send(socket_.native_handle());
            if (put >= 0 || errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) co_return false;
            const bool writable = co_await wait_writable();
            if (!writable) co_return false;
        }
    }
    co_return true;
}

asio::awaitable<bool> Upstream::send_end() {
    if (!framed_) co_return ::shutdown(socket_.native_handle(), SHUT_WR) == 0;
    const std::string eof = grv1::encode_frame(grv1::FrameType::stdin_eof);
    const bool sent = co_await send(eof);
    co_return sent;
}

asio::awaitable<bool> Upstream::send_cancel() {
    const std::string cancel = grv1::encode_frame(grv1::FrameType::cancel);
    const bool sent = co_await send(cancel);
    co_return sent;
}

asio::awaitable<bool> Upstream::send(std::string_view bytes) {
    const auto put = put_bytes(bytes);
    if (!put) co_return false;
    if (*put == bytes.size()) co_return true;
    // The caller's buffer may be shared with other sessions: what is left over must be ours before we
    // suspend.
    const std::string held(bytes.substr(*put));
    const std::string_view rest = held;
    const bool sent = co_await drain(rest);
    co_return sent;
}

std::optional<std::size_t> Upstream::put_bytes(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t put =
            ::send(socket_.native_handle(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (put > 0) {
            sent += static_cast<std::size_t>(put);
        } else if (put == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return std::nullopt;
        } else if (errno != EINTR) {
            break;
        }
    }
    return sent;
}

asio::awaitable<bool> Upstream::drain(std::string_view kept) {
    while (!kept.empty()) {
        const bool writable = co_await wait_writable();
        if (!writable) co_return false;
        const auto put = put_bytes(kept);
        if (!put) co_return false;
        kept.remove_prefix(*put);
    }
    co_return true;
}

asio::awaitable<bool> Upstream::wait_writable() {
    return wait_ready(socket_, socket_.wait_write);
}

asio::awaitable<bool> Upstream::wait_readable() {
    return wait_ready(socket_, socket_.wait_read);
}

bool Upstream::payload_waits() {
    if (framed_ && frames_.in_data()) return true;
    char first = 0;
    if (::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return false;
    return !framed_ || (frames_.at_boundary() && grv1::is_data(static_cast<grv1::FrameType>(first)));
}

std::optional<std::size_t> Upstream::receive(std::span<char> into) {
    while (true) {
        const ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
        return 0;
    }
}

void Upstream::close() {
    asio::error_code ignored;
    socket_.close(ignored);
}

}  // namespace gerve

#include "gerve/relay/upstream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

namespace gerve {
namespace {

using asio::ip::tcp;

// A stalled clone costs what the kernel holds, not what we hold: so it may hold this much.
constexpr int socket_buffer = 256 * 1024;  // bytes

void set_socket_option(int fd, int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

void prepare_tcp(int fd) {
    set_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

asio::awaitable<bool> wait_for(asio::posix::stream_descriptor& socket,
                               asio::posix::stream_descriptor::wait_type what, Deadline deadline) {
    asio::steady_timer timer(socket.get_executor());
    if (deadline != no_deadline) {
        timer.expires_at(deadline);
        timer.async_wait([&socket](const asio::error_code& stopped) {
            asio::error_code ignored;
            if (!stopped) socket.cancel(ignored);
        });
    }
    asio::error_code failed;
    co_await socket.async_wait(what, asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
}

int connect_unix(int fd, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

struct Address {
    int family;
    sockaddr_storage storage;
    socklen_t size;
};

// A literal address needs no resolver; a name is looked up in Asio's own thread, so the loop goes on.
asio::awaitable<Result<Address>> resolve(const Endpoint& endpoint, const asio::any_io_executor& executor) {
    asio::error_code failed;
    const auto literal = asio::ip::make_address(endpoint.host(), failed);
    tcp::endpoint found(literal, endpoint.port());
    if (failed) {
        tcp::resolver resolver(executor);
        const auto results =
            co_await resolver.async_resolve(endpoint.host(), std::to_string(endpoint.port()),
                                            asio::redirect_error(asio::use_awaitable, failed));
        if (failed || results.empty()) {
            co_return tl::make_unexpected(
                Error{ErrorKind::unavailable, "", endpoint.text() + ": " + failed.message()});
        }
        found = results.begin()->endpoint();
    }
    Address address{found.protocol().family(), {}, static_cast<socklen_t>(found.size())};
    std::memcpy(&address.storage, found.data(), found.size());
    co_return address;
}

tl::unexpected<Error> not_reached(const Endpoint& endpoint, const std::string& why) {
    return unavailable(endpoint.text() + ": " + why);
}

asio::awaitable<Result<asio::posix::stream_descriptor>> connect(const Endpoint& endpoint, Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const bool is_unix = endpoint.kind() == Endpoint::Kind::unix_socket;
    Address address{AF_UNIX, {}, 0};
    if (!is_unix) {
        auto resolved = co_await resolve(endpoint, executor);
        if (!resolved) co_return pass_on(resolved);
        address = *resolved;
    }
    Fd fd(::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) co_return not_reached(endpoint, errno_text("socket"));
    set_socket_option(fd.get(), SOL_SOCKET, SO_SNDBUF, socket_buffer);
    set_socket_option(fd.get(), SOL_SOCKET, SO_RCVBUF, socket_buffer);
    if (!is_unix) prepare_tcp(fd.get());
    int connected = is_unix
                        ? connect_unix(fd.get(), endpoint.host())
                        : ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), address.size);
    // A unix socket whose backlog is full says EAGAIN: there is no readiness to wait for, so look again soon.
    while (connected != 0 && is_unix && errno == EAGAIN && std::chrono::steady_clock::now() < deadline) {
        asio::steady_timer pause(executor, std::chrono::milliseconds(5));
        co_await pause.async_wait(asio::use_awaitable);
        connected = connect_unix(fd.get(), endpoint.host());
    }
    if (connected != 0 && errno != EINPROGRESS) co_return not_reached(endpoint, errno_text("connect"));
    asio::posix::stream_descriptor socket(executor, fd.release());
    if (connected != 0) {
        const bool in_time = co_await wait_for(socket, socket.wait_write, deadline);
        if (!in_time) co_return not_reached(endpoint, "no answer");
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        if (error != 0) co_return not_reached(endpoint, errno_text("connect"));
    }
    co_return socket;
}

}  // namespace

asio::awaitable<Result<Upstream>> Upstream::open(Endpoint endpoint, std::string open_message,
                                                 Deadline deadline) {
    auto socket = co_await connect(endpoint, deadline);
    if (!socket) co_return pass_on(socket);
    Upstream upstream(std::move(*socket));
    const bool sent = co_await upstream.send(open_message);
    if (!sent) co_return not_reached(endpoint, "connection lost");
    auto opened = co_await upstream.await_open_ok(deadline);
    if (!opened) {
        opened.error().detail = endpoint.text() + ": " + opened.error().detail;
        co_return pass_on(opened);
    }
    co_return upstream;
}

asio::awaitable<Result<void>> Upstream::await_open_ok(Deadline deadline) {
    char buffer[4096];
    while (true) {
        const auto got = receive(buffer);
        if (!got) {
            const bool in_time = co_await wait_for(socket_, socket_.wait_read, deadline);
            if (!in_time) co_return unavailable("no answer to OPEN");
            continue;
        }
        if (*got == 0) co_return unavailable("connection lost before OPEN_OK");
        const auto done = take_answer(std::string_view(buffer, *got));
        if (!done) co_return pass_on(done);
        if (*done) co_return Result<void>{};
    }
}

// True once OPEN_OK is there; what stands behind it is kept.
Result<bool> Upstream::take_answer(std::string_view bytes) {
    const auto part = frames_.next(bytes);
    if (!part) return unavailable("not an agent: " + describe(part.error()));
    if (!*part) return false;
    if ((*part)->type == grv1::FrameType::open_ok) {
        early_.assign(bytes);
        return true;
    }
    if ((*part)->type != grv1::FrameType::fail) return unavailable("not an agent: OPEN_OK expected");
    const auto failure = grv1::parse_fail((*part)->payload);
    if (!failure) return unavailable("a FAIL that cannot be read");
    const std::string why = "FAIL " + std::to_string(static_cast<int>(failure->code)) + " " + failure->text;
    if (failure->code == grv1::FailCode::no_such_repository) return fail(ErrorKind::denied, "", why);
    return fail(failure->retryable ? ErrorKind::unavailable : ErrorKind::internal, "", why);
}

namespace {

// Data frames side by side, to be sent where their payloads lie.
class FrameBatch {
  public:
    static constexpr std::size_t max_frames = 8;

    // Takes as much of `payload` as fits.
    FrameBatch(grv1::FrameType type, std::string_view payload) {
        for (; frames_ < max_frames && !payload.empty(); ++frames_) {
            const std::string_view piece = payload.substr(0, grv1::max_payload);
            grv1::encode_header(type, piece.size(), headers_[frames_].data());
            parts_[2 * frames_] = {headers_[frames_].data(), grv1::header_size};
            parts_[2 * frames_ + 1] = {const_cast<char*>(piece.data()), piece.size()};
            payload_ += piece.size();
            payload.remove_prefix(piece.size());
        }
    }
    [[nodiscard]] std::size_t payload() const { return payload_; }
    [[nodiscard]] std::size_t size() const { return payload_ + frames_ * grv1::header_size; }

    ssize_t send(int socket) {
        msghdr message{};
        message.msg_iov = parts_.data();
        message.msg_iovlen = 2 * frames_;
        return ::sendmsg(socket, &message, MSG_NOSIGNAL);
    }
    // All but the first `sent` bytes.
    [[nodiscard]] std::string rest(std::size_t sent) const {
        std::string rest;
        rest.reserve(size() - sent);
        for (std::size_t i = 0; i < 2 * frames_; ++i) {
            const std::string_view part(static_cast<const char*>(parts_[i].iov_base), parts_[i].iov_len);
            rest += part.substr(std::min(sent, part.size()));
            sent -= std::min(sent, part.size());
        }
        return rest;
    }

  private:
    std::array<std::array<char, grv1::header_size>, max_frames> headers_;
    std::array<iovec, 2 * max_frames> parts_;
    std::size_t frames_ = 0;
    std::size_t payload_ = 0;
};

}  // namespace

std::optional<std::string> Upstream::put_data(grv1::FrameType type, std::string_view payload) {
    while (!payload.empty()) {
        FrameBatch batch(type, payload);
        const ssize_t put = batch.send(socket_.native_handle());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return std::nullopt;
        payload.remove_prefix(batch.payload());
        const auto sent = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
        if (sent == batch.size()) continue;
        std::string rest = batch.rest(sent);
        while (!payload.empty()) {
            const FrameBatch further(type, payload);
            rest += further.rest(0);
            payload.remove_prefix(further.payload());
        }
        return rest;
    }
    return std::string();
}

asio::awaitable<bool> Upstream::send_data(grv1::FrameType type, std::string_view payload) {
    const std::optional<std::string> rest = put_data(type, payload);
    if (!rest) co_return false;
    const std::string_view bytes = *rest;
    const bool sent = co_await drain(bytes);
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
        asio::error_code failed;
        co_await socket_.async_wait(socket_.wait_write, asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return false;
        const auto put = put_bytes(kept);
        if (!put) co_return false;
        kept.remove_prefix(*put);
    }
    co_return true;
}

asio::awaitable<bool> Upstream::wait_readable() {
    asio::error_code failed;
    co_await socket_.async_wait(socket_.wait_read, asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
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

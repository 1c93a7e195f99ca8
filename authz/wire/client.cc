#include "authz/wire/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "authz/base/clock.h"
#include "authz/os/unix_socket.h"

namespace gerve {
namespace {

constexpr std::chrono::milliseconds retry_pause{5};

// Whether the socket was ready before the deadline.
bool wait_for(const Fd& socket, short events, std::int64_t deadline) {
    while (true) {
        const std::int64_t left = deadline - monotonic_now();
        if (left <= 0) return false;
        pollfd watched{socket.get(), events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

}  // namespace

// A full backlog refuses at once (EAGAIN); a moment later there may be room.
Result<void> AuthzClient::connect(std::int64_t deadline) {
    if (socket_) return {};
    const auto address = UnixAddress::of(path_);
    if (!address) return unavailable(describe(address.error()));
    Fd socket = make_unix_socket(UnixSocketType::packets);
    if (!socket) return unavailable(errno_text("socket"));
    while (!address->connect(socket)) {
        if ((errno != EAGAIN && errno != EINTR) || monotonic_now() >= deadline) {
            return unavailable(errno_text("cannot reach authz at " + path_));
        }
        std::this_thread::sleep_for(retry_pause);
    }
    socket_ = std::move(socket);
    return {};
}

Result<void> AuthzClient::send(const std::string& message, std::int64_t deadline) {
    while (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno == EPIPE) return {};  // a stranger is told so before the connection closes: it can be read
        if (errno != EAGAIN) return unavailable(errno_text("cannot send a request to authz"));
        if (!wait_for(socket_, POLLOUT, deadline)) return unavailable("authz does not accept requests");
    }
    return {};
}

// Answers to questions that were given up are passed over; the id 0 is said to a stranger.
Result<std::string> AuthzClient::receive(std::uint64_t id, std::int64_t deadline) {
    std::string message(max_authz_message, '\0');
    while (wait_for(socket_, POLLIN, deadline)) {
        const ssize_t got = ::recv(socket_.get(), message.data(), message.size(), 0);
        // ECONNRESET comes once, ahead of what authz said before it closed.
        if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNRESET)) continue;
        if (got <= 0) return unavailable("authz closed the connection");
        const auto answered =
            parse_reply_id(std::string_view(message).substr(0, static_cast<std::size_t>(got)));
        if (!answered) return pass_on(answered);
        if (*answered != id && *answered != 0) continue;
        message.resize(static_cast<std::size_t>(got));
        return message;
    }
    return unavailable("authz did not answer in time");
}

// A connection that was kept may have ended meanwhile: then the question is put once more on a new one.
Result<std::string> AuthzClient::exchange(const std::function<std::string(const RequestHead&)>& encode) {
    const std::int64_t deadline = monotonic_now() + patience_.count();
    Result<std::string> reply = unavailable("not sent");
    for (const bool was_kept : {static_cast<bool>(socket_), false}) {
        const RequestHead head{++last_id_, deadline};
        auto sent = connect(deadline);
        if (sent) sent = send(encode(head), deadline);
        reply = sent ? receive(head.id, deadline) : Result<std::string>(pass_on(sent));
        if (reply) return reply;
        socket_.reset();
        if (!was_kept || monotonic_now() >= deadline) break;
    }
    return reply;
}

}  // namespace gerve

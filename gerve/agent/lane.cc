#include "gerve/agent/lane.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

#include "authz/base/log.h"
#include "gerve/agent/session.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;

// Few at a time, so that a burst spreads over the lanes.
constexpr int accepts_per_wake = 4;

// After an accept that failed for want of descriptors or memory.
constexpr auto shortage_pause = 100ms;

Fd duplicate(const Fd& socket) {
    return Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace

AcceptingLane::AcceptingLane(AgentState& state, const std::vector<Listener>& listeners) : lane_(state) {
    for (const Listener& listener : listeners) {
        doors_.push_back(std::make_unique<Door>(
            Door{Stream(lane_.loop, duplicate(listener.socket)), listener.unix_socket}));
    }
}

void AcceptingLane::run() {
    for (const auto& door : doors_) asio::co_spawn(lane_.loop, accept_from(*door), asio::detached);
    lane_.loop.run();
}

asio::awaitable<void> AcceptingLane::accept_from(Door& door) {
    while (co_await door.socket.readable()) {
        if (lane_.state.draining || accept_some(door)) continue;
        std::error_code ignored;
        pause_.expires_after(shortage_pause);
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

// False when the system is short of something: to try again at once would only spin.
bool AcceptingLane::accept_some(Door& door) {
    for (int i = 0; i < accepts_per_wake; ++i) {
        Fd connection(::accept4(door.socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection) {
            adopt(std::move(connection), door.unix_socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log::error("cannot accept", {{"error", errno_text("accept4")}});
            return false;
        } else if (errno == EAGAIN) {
            return true;
        }
    }
    return true;
}

void AcceptingLane::adopt(Fd socket, bool unix_socket) {
    const auto config = lane_.state.config();
    if (lane_.state.handshakes >= config->limits.max_handshakes) {
        log::warn("too many connections without an OPEN", {{"peer", peer_name(socket.get(), unix_socket)}});
        return;
    }
    prepare_connection(socket.get(), unix_socket, config->limits);
    std::string peer = peer_name(socket.get(), unix_socket);
    const auto session =
        std::make_shared<AgentSession>(lane_, std::move(socket), unix_socket, std::move(peer));
    asio::co_spawn(lane_.loop, session->run(), asio::detached);
}

void AcceptingLane::drain() {
    for (const auto& door : doors_) {
        // Whoever is connected already is told that this agent is draining, rather than reset.
        while (door->socket.is_open()) {
            Fd connection(::accept4(door->socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!connection) break;
            adopt(std::move(connection), door->unix_socket);
        }
        door->socket.close();
    }
    pause_.cancel();
    for (AgentSession* session : lane_.sessions) session->drain();
}

void AcceptingLane::end_sessions(const std::string& why) {
    // Ending a session may destroy others' places in the set, not their own: the coroutine goes on later.
    const std::vector<AgentSession*> now(lane_.sessions.begin(), lane_.sessions.end());
    for (AgentSession* session : now) session->end(why);
}

}  // namespace gerve

#include "gerve/agent/lane.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "authz/base/rationed_log.h"
#include "gerve/agent/agent_operation.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;

// Few at a time, so that a burst spreads over the lanes.
constexpr int accepts_per_wake = 4;

// After an accept that failed for want of descriptors or memory.
constexpr auto accept_pause = 100ms;

Fd duplicate(const Fd& socket) {
    return Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
}

}  // namespace

AcceptingLane::AcceptingLane(AgentState& state, const std::vector<Listener>& listeners) : lane_(state) {
    for (const Listener& listener : listeners) {
        doors_.push_back(
            std::make_unique<Door>(lane_.loop, duplicate(listener.socket), listener.unix_socket));
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
        door.pause.expires_after(accept_pause);
        co_await door.pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

// False when the system is short of something: to try again at once would only spin.
bool AcceptingLane::accept_some(Door& door) {
    for (int i = 0; i < accepts_per_wake; ++i) {
        if (is_full()) return false;
        Fd connection(::accept4(door.socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection) {
            adopt(std::move(connection), door.unix_socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rationed_log().write(log::Level::error, "cannot accept", "", {{"error", errno_text("accept4")}});
            return false;
        } else if (errno == EAGAIN) {
            return true;
        }
    }
    return true;
}

// More connections would take the descriptors of the operations that run. They wait in the kernel's queue.
bool AcceptingLane::is_full() {
    const bool full = lane_.state.connections >= lane_.state.budget.connections;
    if (full && !std::exchange(was_full_, full)) {
        rationed_log().write(log::Level::warn,
                             "cannot accept more connections: the limit of open files is reached", "",
                             {{"connections", lane_.state.budget.connections}});
    }
    was_full_ = full;
    return full;
}

void AcceptingLane::adopt(Fd socket, bool unix_socket) {
    const auto config = lane_.state.config();
    const AgentLimits& limits = config->limits;
    Peer peer{unix_socket, peer_name(socket.get(), unix_socket), peer_source(socket.get(), unix_socket)};
    // Half of the connections at most, so that handshakes alone never fill an agent with few descriptors.
    const HandshakeBounds bounds{
        std::min(limits.max_handshakes, std::max(1U, lane_.state.budget.connections / 2)),
        limits.max_handshakes_per_source};
    if (!lane_.state.handshakes.enter(peer.source, bounds)) {
        rationed_log().write(log::Level::warn, "too many connections without an OPEN", ration_source(peer),
                             {{"peer", peer.name}});
        const std::string busy = grv1::encode_fail(refuse(grv1::FailCode::busy, "").value().fail);
        static_cast<void>(::send(socket.get(), busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        return;
    }
    prepare_connection(socket.get(), unix_socket, limits);
    const auto operation = std::make_shared<AgentOperation>(lane_, std::move(socket), std::move(peer));
    asio::co_spawn(lane_.loop, operation->run(), asio::detached);
}

void AcceptingLane::replace_door(std::size_t listener, Fd socket) {
    if (lane_.state.draining || !socket) return;
    Door& old = *doors_[listener];
    (void)accept_some(old);
    old.socket.close();
    old.pause.cancel();
    retired_.push_back(std::move(doors_[listener]));
    doors_[listener] = std::make_unique<Door>(lane_.loop, std::move(socket), true);
    asio::co_spawn(lane_.loop, accept_from(*doors_[listener]), asio::detached);
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
        door->pause.cancel();
    }
    for (AgentOperation* operation : lane_.operations) operation->drain();
}

void AcceptingLane::end_sessions(const std::string& why) {
    // Ending an operation may destroy others' places in the set, not their own: the coroutine goes on later.
    const std::vector<AgentOperation*> now(lane_.operations.begin(), lane_.operations.end());
    for (AgentOperation* operation : now) operation->end(why);
}

}  // namespace gerve

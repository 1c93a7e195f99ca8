#include "gerve/relay/connect.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <asio/this_coro.hpp>
#include <cerrno>
#include <cstring>

#include "authz/base/fd.h"
#include "authz/os/tcp_options.h"
#include "authz/os/unix_socket.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

using asio::posix::stream_descriptor;
using std::chrono::steady_clock;

// A stalled clone costs what the kernel holds, not what we hold: so it may hold this much.
constexpr int socket_buffer = 256 * 1024;  // bytes; the kernel doubles it

TcpOptions tcp_options(std::chrono::milliseconds peer_timeout) {
    using namespace std::chrono_literals;
    return {
        .keepalive_after = 30s, .keepalive_every = 10s, .keepalive_count = 3, .peer_timeout = peer_timeout};
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

SocketAddress socket_address(const UnixAddress& path) {
    SocketAddress address;
    address.size = UnixAddress::size();
    std::memcpy(&address.storage, path.get(), address.size);
    return address;
}

SocketAddress tcp_address(const asio::ip::address& ip, std::uint16_t port) {
    const asio::ip::tcp::endpoint endpoint(ip, port);
    SocketAddress address;
    address.size = static_cast<socklen_t>(endpoint.size());
    std::memcpy(&address.storage, endpoint.data(), endpoint.size());
    return address;
}

Missed kind_of(int error) {
    return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ? Missed::silent
                                                                               : Missed::refused;
}

asio::awaitable<Opened<stream_descriptor>> connect_once(const Destined& destined,
                                                        const SocketAddress& address, Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const Endpoint& endpoint = destined.endpoint;
    const int family = address.storage.ss_family;
    Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) co_return missed(Missed::refused, endpoint, errno_text("socket"));
    set_socket_buffers(fd.get(), socket_buffer);
    if (family != AF_UNIX) set_tcp_options(fd.get(), tcp_options(destined.peer_timeout));
    const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
    int connected = ::connect(fd.get(), where, address.size);
    // A unix socket whose backlog is full says EAGAIN: there is no readiness to wait for, so look again soon.
    while (connected != 0 && family == AF_UNIX && errno == EAGAIN && steady_clock::now() < deadline) {
        co_await pause_for(std::chrono::milliseconds(5));
        connected = ::connect(fd.get(), where, address.size);
    }
    if (connected != 0 && errno != EINPROGRESS) {
        const Missed how = errno == EAGAIN ? Missed::silent : kind_of(errno);
        co_return missed(how, endpoint, errno_text("connect"));
    }
    stream_descriptor socket(executor, fd.release());
    if (connected != 0) {
        const bool in_time = co_await wait_ready(socket, socket.wait_write, deadline);
        if (!in_time) co_return missed(Missed::silent, endpoint, "no answer");
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        if (error != 0) co_return missed(kind_of(error), endpoint, errno_text("connect"));
    }
    co_return socket;
}

}  // namespace

asio::awaitable<Opened<stream_descriptor>> connect_to(const Destined& destined, Deadline deadline) {
    if (destined.endpoint.kind() == Endpoint::Kind::unix_socket) {
        const auto path = UnixAddress::of(destined.endpoint.host());
        if (!path) co_return missed(Missed::refused, destined.endpoint, describe(path.error()));
        const SocketAddress address = socket_address(*path);
        auto socket = co_await connect_once(destined, address, deadline);
        co_return socket;
    }
    Opened<stream_descriptor> socket = missed(Missed::silent, destined.endpoint, "no address");
    for (std::size_t i = 0; i < destined.addresses.size(); ++i) {
        const auto left = static_cast<std::int64_t>(destined.addresses.size() - i);
        const auto now = steady_clock::now();
        const Deadline share = deadline == no_deadline ? deadline : now + (deadline - now) / left;
        const SocketAddress address = tcp_address(destined.addresses[i], destined.endpoint.port());
        auto tried = co_await connect_once(destined, address, share);
        socket = std::move(tried);
        if (socket) break;
    }
    co_return socket;
}

tl::unexpected<OpenFailure> missed(Missed how, const Endpoint& endpoint, const std::string& why) {
    return tl::make_unexpected(
        OpenFailure{how, Error{ErrorKind::unavailable, "", endpoint.text() + ": " + why}});
}

}  // namespace gerve

#include "gerve/agent/agent_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "authz/base/address.h"
#include "authz/base/text.h"
#include "authz/model/route.h"
#include "authz/os/tcp_options.h"
#include "authz/os/unix_socket.h"

namespace gerve {
namespace {

constexpr int backlog = 4096;

void set_option(int socket, int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
}

// Connections inherit these from their listener, which saves a system call each. The kernel also gives up a
// peer that lives and keeps its window shut for peer_timeout: a stalled client.
void prepare_listener(int socket, const AgentLimits& limits) {
    set_tcp_options(socket, {.peer_timeout = limits.peer_timeout});
    if (limits.socket_buffer > 0) set_socket_buffers(socket, static_cast<int>(limits.socket_buffer / 2));
}

Result<Listener> open_unix_listener(const std::string& path) {
    auto socket = listen_unix(path, UnixSocketType::stream, 0660);
    if (!socket) return internal_error("unix:" + describe(socket.error()));
    Listener listener;
    listener.unix_socket = true;
    listener.socket = std::move(*socket);
    listener.file = SocketFile::at(path);
    return listener;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> numeric_address(const Endpoint& endpoint) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(endpoint.port());
    if (::getaddrinfo(endpoint.host().c_str(), port.c_str(), &hints, &found) != 0) {
        return internal_error(endpoint.text() + ": not a numeric address");
    }
    return AddressList(found, &::freeaddrinfo);
}

Result<Listener> open_tcp_listener(const Endpoint& endpoint, const AgentLimits& limits) {
    auto address = numeric_address(endpoint);
    if (!address) return pass_on(address);
    const addrinfo& where = **address;
    Listener listener;
    listener.socket = Fd(::socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    set_option(listener.socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (where.ai_family == AF_INET6) set_option(listener.socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    prepare_listener(listener.socket.get(), limits);
    if (::bind(listener.socket.get(), where.ai_addr, where.ai_addrlen) != 0 ||
        ::listen(listener.socket.get(), backlog) != 0) {
        return internal_error(errno_text("cannot listen on " + endpoint.text()));
    }
    return listener;
}

std::string unix_peer_name(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unix";
    return "unix pid=" + std::to_string(peer.pid) + " uid=" + std::to_string(peer.uid);
}

}  // namespace

Result<Listener> open_listener(const std::string& endpoint, const AgentLimits& limits) {
    auto parsed = Endpoint::parse(endpoint);
    if (!parsed) return internal_error(describe(parsed.error()));
    if (parsed->kind() == Endpoint::Kind::unix_socket) return open_unix_listener(parsed->host());
    return open_tcp_listener(*parsed, limits);
}

Result<Listener> inherit_listener(Fd socket, const AgentLimits& limits) {
    int listening = 0;
    int family = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
        return internal_error("--listen-fd: not a listening socket");
    }
    size = sizeof family;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    if (auto done = set_nonblocking(socket.get(), true); !done) return pass_on(done);
    if (family != AF_UNIX) prepare_listener(socket.get(), limits);
    return Listener{std::move(socket), family == AF_UNIX, std::nullopt};
}

std::string peer_name(int socket, bool unix_socket) {
    if (unix_socket) return unix_peer_name(socket);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "unknown";
    }
    const std::string text = host;
    return (address.ss_family == AF_INET6 ? "[" + text + "]" : text) + ":" + port;
}

std::string peer_source(int socket, bool unix_socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (unix_socket || ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    const auto ip = IpAddress::of_socket(address);
    return ip ? source_of(ip->text()) : std::string();
}

void prepare_connection(int socket, bool unix_socket, const AgentLimits& limits) {
    if (!unix_socket || limits.socket_buffer == 0) return;
    set_option(socket, SOL_SOCKET, SO_SNDBUF, static_cast<int>(limits.socket_buffer / 2));
}

}  // namespace gerve

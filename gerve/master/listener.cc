#include "gerve/master/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace gerve {
namespace {

constexpr int backlog = 4096;  // the kernel cuts it to net.core.somaxconn

std::string remedy_for(int error, const ListenAddress& address) {
    if (error == EADDRINUSE) return "; another program listens on this address: choose another with --listen";
    if (error == EADDRNOTAVAIL) return "; this machine has no such address";
    if (error == EACCES && address.port < 1024) {
        return "; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose another with --listen";
    }
    return "";
}

void set_option(int socket, int level, int option) {
    const int on = 1;
    ::setsockopt(socket, level, option, &on, sizeof on);
}

Result<ListenAddress> bound_address(int socket, const ListenAddress& wanted) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return internal_error(errno_text("getsockname"));
    }
    // sin_port and sin6_port stand at the same place.
    return ListenAddress{wanted.ip, ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port)};
}

}  // namespace

Result<TcpListener> listen_tcp(const ListenAddress& address) {
    sockaddr_storage storage;
    const socklen_t length = address.to_socket(storage);
    Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return internal_error(errno_text("cannot listen on " + address.text()));
    set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR);
    // [::] is IPv6 alone, so that 0.0.0.0 may stand beside it.
    if (!address.ip.is_v4()) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
        ::listen(socket.get(), backlog) != 0) {
        const int error = errno;
        return internal_error(errno_text("cannot listen on " + address.text()) + remedy_for(error, address));
    }
    auto bound = bound_address(socket.get(), address);
    if (!bound) return pass_on(bound);
    return TcpListener{std::move(socket), address, *bound};
}

Result<UnixListener> UnixListener::open(const std::string& path, UnixSocketType type, mode_t mode) {
    auto socket = listen_unix(path, type, mode);
    if (!socket) return pass_on(socket);
    return UnixListener(std::move(*socket), SocketFile::at(path));
}

UnixListener::~UnixListener() {
    if (socket_) file_.remove();
}

}  // namespace gerve

#include "authz/os/tcp_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace gerve {
namespace {

void set(int socket, int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

void set_tcp_options(int socket, const TcpOptions& options) {
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.keepalive_after.count()));
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.keepalive_every.count()));
    set(socket, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
    if (options.peer_timeout.count() > 0) {
        set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.peer_timeout.count()));
    }
    if (options.max_unsent > 0) set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, options.max_unsent);
}

void set_socket_buffers(int socket, int bytes) {
    set(socket, SOL_SOCKET, SO_SNDBUF, bytes);
    set(socket, SOL_SOCKET, SO_RCVBUF, bytes);
}

}  // namespace gerve

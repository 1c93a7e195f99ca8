#include "authz/os/tcp_options.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "authz/base/fd.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

int option(const Fd& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(socket.get(), level, name, &value, &size) == 0);
    return value;
}

}  // namespace

TEST_CASE("what is asked of the kernel for a connection is what it then says") {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_tcp_options(socket.get(), {.keepalive_after = 30s,
                                   .keepalive_every = 10s,
                                   .keepalive_count = 3,
                                   .peer_timeout = 120s,
                                   .max_unsent = 256 * 1024});
    CHECK(option(socket, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(socket, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(socket, IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    CHECK(option(socket, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
    CHECK(option(socket, IPPROTO_TCP, TCP_KEEPCNT) == 3);
    CHECK(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT) == 120'000);
    CHECK(option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == 256 * 1024);
}

TEST_CASE("who connects has the options of the listener; what is not asked for stays the kernel's") {
    const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_tcp_options(listener.get(), {.peer_timeout = 900s});
    set_tcp_options(client.get(), {});
    CHECK(option(client, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener.get(), generic, sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
    REQUIRE(::connect(client.get(), generic, size) == 0);
    const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    CHECK(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT) == 900'000);
    CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option(accepted, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
}

// The listening socket of whoever plays authz in a test.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "authz/base/fd.h"

namespace gerve {

// Does not block; one connection at a time is taken by accept_one().
class SeqpacketListener {
  public:
    explicit SeqpacketListener(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 8) == 0);
    }

    // Nothing (an empty Fd): nobody connects.
    [[nodiscard]] Fd accept_one() const {
        return Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    }

  private:
    Fd socket_;
};

}  // namespace gerve

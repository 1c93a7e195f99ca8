#include "gerve/master/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/temporary.h"

using namespace gerve;

TEST_CASE("port 0 tells the port that the kernel chose, and a taken one is refused with a remedy") {
    const auto first = listen_tcp(*ListenAddress::parse("127.0.0.1:0"));
    REQUIRE(first.has_value());
    CHECK(first->bound.port != 0);
    CHECK((::fcntl(first->socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
    const auto second = listen_tcp(first->bound);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().detail ==
          "cannot listen on " + first->bound.text() +
              ": Address already in use; another program listens on this address: choose "
              "another with --listen");
    CHECK(listen_tcp(*ListenAddress::parse("192.0.2.1:1"))
              .error()
              .detail.ends_with("; this machine has no such address"));
}

TEST_CASE("a unix socket takes the place of a dead one, not of a living one, and goes with its owner") {
    const TemporaryDirectory temporary;
    const std::string path = temporary.path + "/s";
    {
        const auto first = UnixListener::open(path, UnixSocketType::packets, 0600);
        REQUIRE(first.has_value());
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        for (const auto kind : {UnixSocketType::packets, UnixSocketType::stream}) {
            const auto second = UnixListener::open(path, kind, 0600);
            REQUIRE_FALSE(second.has_value());
            CHECK(second.error().detail == path + ": in use by another process, or not accessible");
        }
        // What a killed process leaves behind: the name without the listener.
        const std::string dead = temporary.path + "/dead";
        {
            const auto gone = UnixListener::open(dead, UnixSocketType::packets, 0600);
            std::filesystem::rename(dead, dead + "2");
        }
        CHECK(UnixListener::open(dead + "2", UnixSocketType::packets, 0600).has_value());
    }
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK_FALSE(UnixListener::open("/" + std::string(200, 'x'), UnixSocketType::stream, 0600).has_value());
}

#include "authz/os/unix_socket.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

std::string why_not(const std::string& path) {
    const auto opened = listen_unix(path, UnixSocketType::stream, 0600);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::internal);
    return describe(opened.error());
}

}  // namespace

TEST_CASE("an address holds the longest path, and none that is longer or empty") {
    const std::string longest(107, 'x');
    const auto address = UnixAddress::of(longest);
    REQUIRE(address);
    CHECK(reinterpret_cast<const sockaddr_un*>(address->get())->sun_path == longest);
    CHECK_FALSE(UnixAddress::of(longest + "x"));
    CHECK_FALSE(UnixAddress::of(""));
}

TEST_CASE("the mode is what was asked for, whatever the umask is") {
    const TemporaryDirectory directory;
    for (const mode_t mask : {0000, 0077, 0777}) {
        const std::string path = directory.path + "/" + std::to_string(mask);
        const mode_t before = ::umask(mask);
        const auto listener = listen_unix(path, UnixSocketType::packets, 0660);
        ::umask(before);
        REQUIRE(listener);
        CHECK(mode_of(path) == 0660);
    }
}

TEST_CASE("a socket that somebody listens at is left alone, whichever its type") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/s";
    const auto address = UnixAddress::of(path);
    CHECK(nobody_listens(*address));
    {
        const auto first = listen_unix(path, UnixSocketType::packets, 0600);
        REQUIRE(first);
        CHECK_FALSE(nobody_listens(*address));
        CHECK(why_not(path) == path + ": in use by another process, or not accessible");
        const Fd client = make_unix_socket(UnixSocketType::packets);
        CHECK(address->connect(client));
    }
    CHECK(nobody_listens(*address));
    CHECK(listen_unix(path, UnixSocketType::stream, 0600).has_value());
}

TEST_CASE("a socket whose backlog is full is left alone") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/s";
    const auto full = listen_unix(path, UnixSocketType::stream, 0600);
    REQUIRE(full);
    REQUIRE(::listen(full->get(), 0) == 0);
    const auto address = UnixAddress::of(path);
    const Fd first = make_unix_socket(UnixSocketType::stream);
    REQUIRE(address->connect(first));
    CHECK_FALSE(nobody_listens(*address));
}

// Another user's, for instance: who may not connect cannot tell that it is dead.
TEST_CASE("a socket of which nothing can be found out is left alone") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/s";
    const auto first = listen_unix(path, UnixSocketType::stream, 0600);
    REQUIRE(first);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const bool free = nobody_listens(*UnixAddress::of(path));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_FALSE(free);
}

TEST_CASE("whatever has the path is replaced, and what keeps it from being made is told") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/s";
    std::ofstream(path) << "not a socket";
    CHECK(listen_unix(path, UnixSocketType::stream, 0600).has_value());
    CHECK(why_not(directory.path + "/gone/s").find("No such file or directory") != std::string::npos);
}

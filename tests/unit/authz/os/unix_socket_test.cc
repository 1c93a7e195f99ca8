#include "authz/os/unix_socket.h"

#include <doctest/doctest.h>
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
    CHECK_FALSE(somebody_listens(*address, UnixSocketType::packets));
    {
        const auto first = listen_unix(path, UnixSocketType::packets, 0600);
        REQUIRE(first);
        CHECK(somebody_listens(*address, UnixSocketType::packets));
        CHECK(somebody_listens(*address, UnixSocketType::stream));
        CHECK(why_not(path) == path + ": another process listens there");
        const Fd client = make_unix_socket(UnixSocketType::packets);
        CHECK(address->connect(client));
    }
    CHECK_FALSE(somebody_listens(*address, UnixSocketType::packets));
    CHECK(listen_unix(path, UnixSocketType::stream, 0600).has_value());
}

TEST_CASE("whatever has the path is replaced, and what keeps it from being made is told") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/s";
    std::ofstream(path) << "not a socket";
    CHECK(listen_unix(path, UnixSocketType::stream, 0600).has_value());
    CHECK(why_not(directory.path + "/gone/s").find("No such file or directory") != std::string::npos);
}

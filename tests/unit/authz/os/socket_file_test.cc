#include "authz/os/socket_file.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

Fd bind_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
}

}  // namespace

TEST_CASE("a socket's file is known from whatever else has its name") {
    char directory[] = "/tmp/gerve-unit-XXXXXX";
    REQUIRE(::mkdtemp(directory) != nullptr);
    const std::string path = std::string(directory) + "/s";
    const Fd first = bind_at(path);
    const SocketFile file = SocketFile::at(path);
    CHECK(file.is_there());

    std::filesystem::rename(path, path + ".old");
    CHECK_FALSE(file.is_there());
    file.remove();  // there is nothing

    const Fd second = bind_at(path);
    CHECK_FALSE(file.is_there());
    file.remove();
    CHECK(std::filesystem::exists(path));

    std::filesystem::remove(path);
    std::ofstream(path) << "no socket";
    CHECK_FALSE(file.is_there());
    file.remove();
    CHECK(std::filesystem::exists(path));

    std::filesystem::rename(path + ".old", path);
    CHECK(file.is_there());
    file.remove();
    CHECK_FALSE(std::filesystem::exists(path));
    std::filesystem::remove_all(directory);
}

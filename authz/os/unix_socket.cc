#include "authz/os/unix_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gerve {
namespace {

constexpr int backlog = 4096;  // the kernel cuts it to net.core.somaxconn

}  // namespace

Result<UnixAddress> UnixAddress::of(const std::string& path) {
    if (path.empty()) return internal_error("the path of a unix socket is empty");
    if (path.size() > longest_path) return internal_error(path + ": too long for a unix socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    return UnixAddress(address);
}

Fd make_unix_socket(UnixSocketType type) {
    return Fd(::socket(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool nobody_listens(const UnixAddress& address) {
    const Fd probe = make_unix_socket(UnixSocketType::stream);
    return probe && !address.connect(probe) && (errno == ECONNREFUSED || errno == ENOENT);
}

// Nobody can connect between bind(2) and listen(2).
Result<Fd> listen_unix(const std::string& path, UnixSocketType type, mode_t mode) {
    const auto address = UnixAddress::of(path);
    if (!address) return pass_on(address);
    Fd socket = make_unix_socket(type);
    if (!socket) return internal_error(errno_text("cannot listen on " + path));
    if (!nobody_listens(*address))
        return internal_error(path + ": in use by another process, or not accessible");
    ::unlink(path.c_str());  // left behind by a process that died
    if (::bind(socket.get(), address->get(), UnixAddress::size()) != 0 || ::chmod(path.c_str(), mode) != 0 ||
        ::listen(socket.get(), backlog) != 0) {
        return internal_error(errno_text("cannot listen on " + path));
    }
    return socket;
}

}  // namespace gerve

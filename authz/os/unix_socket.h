// Unix sockets in the file system: their addresses, listening, connecting, and whether anybody listens.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

enum class UnixSocketType { stream = SOCK_STREAM, packets = SOCK_SEQPACKET };

// The address of a path, unix(7).
class UnixAddress {
  public:
    static constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;  // bytes; a NUL follows

    // Error: internal, naming the path; it is empty or too long.
    [[nodiscard]] static Result<UnixAddress> of(const std::string& path);

    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
    [[nodiscard]] static constexpr socklen_t size() { return sizeof(sockaddr_un); }

    // As connect(2), which sets errno.
    [[nodiscard]] bool connect(const Fd& socket) const { return ::connect(socket.get(), get(), size()) == 0; }

  private:
    explicit UnixAddress(const sockaddr_un& address) : address_(address) {}
    sockaddr_un address_;
};

// A non-blocking socket; empty, with errno set, when there is none to be had.
[[nodiscard]] Fd make_unix_socket(UnixSocketType type);

// Whether it is certain that nobody listens there, with a socket of whichever type. Where that cannot be
// found out, as for want of permission or of descriptors, it is not. Connects, and hangs up at once.
[[nodiscard]] bool nobody_listens(const UnixAddress& address);

// A non-blocking socket that listens at the path. A file that has the path is replaced when it is certain
// that nobody listens there. `mode`, as for chmod(2), holds before anybody can connect, whatever the umask
// is. Error: internal, naming the path and what is wrong.
[[nodiscard]] Result<Fd> listen_unix(const std::string& path, UnixSocketType type, mode_t mode);

}  // namespace gerve

// The sockets that the master holds for its children: they outlive any child, so a restart loses no
// connection.
#pragma once

#include <sys/types.h>

#include <string>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/os/socket_file.h"
#include "authz/os/unix_socket.h"

namespace gerve {

// A TCP socket that listens.
struct TcpListener {
    Fd socket;
    ListenAddress wanted;  // as configured
    ListenAddress bound;   // with the port that the kernel chose, if 0 was wanted
};

// Error: internal, naming the address and the remedy.
[[nodiscard]] Result<TcpListener> listen_tcp(const ListenAddress& address);

// A unix socket that listens; its name goes when it does.
class UnixListener {
  public:
    // As listen_unix().
    [[nodiscard]] static Result<UnixListener> open(const std::string& path, UnixSocketType type, mode_t mode);

    UnixListener(UnixListener&&) = default;
    UnixListener& operator=(UnixListener&&) = delete;
    ~UnixListener();

    [[nodiscard]] int get() const { return socket_.get(); }
    [[nodiscard]] const std::string& path() const { return file_.path(); }
    // False: somebody has removed its name, or put something else there. Nobody can connect any more.
    [[nodiscard]] bool is_reachable() const { return file_.is_there(); }

  private:
    UnixListener(Fd socket, SocketFile file) : socket_(std::move(socket)), file_(std::move(file)) {}
    Fd socket_;
    SocketFile file_;
};

}  // namespace gerve

// AuthzSocket: one connection to authz on an event loop, opened when it is needed and again when it broke.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gerve {

class AuthzSocket {
  public:
    struct Limits {
        std::size_t longest_message;  // bytes, of authz's
        int send_buffer;              // bytes that may wait for authz
    };
    // What it calls, from the event loop and from send(). They may call close() and send(), and nothing comes
    // of this connection once it is closed.
    struct Calls {
        std::function<void(std::string message)> hear;
        std::function<void()> lost;  // the connection; close() is not called back
    };

    AuthzSocket(asio::io_context& loop, std::string path, Limits limits, Calls calls);
    AuthzSocket(const AuthzSocket&) = delete;
    AuthzSocket& operator=(const AuthzSocket&) = delete;
    ~AuthzSocket() { close(); }

    // Opens the connection if there is none. A message that goes out goes out whole.
    enum class Sent {
        whole,
        not_now,  // authz does not read: too much waits for it already
        lost,     // there is no connection, or none any more
    };
    [[nodiscard]] Sent send(std::string_view message);
    void close();

    // Of the connection that is open, if one is; never 0, and never the same again.
    [[nodiscard]] std::uint64_t connection() const { return connection_ == nullptr ? 0 : connections_; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    struct Connection {
        asio::posix::stream_descriptor descriptor;
        AuthzSocket* owner;  // null once closed: what is still to be called finds nobody
    };

    [[nodiscard]] bool open();
    static void wait(std::shared_ptr<Connection> connection);
    void receive(const std::shared_ptr<Connection>& connection);

    asio::io_context& loop_;
    const std::string path_;
    const Limits limits_;
    const Calls calls_;
    std::shared_ptr<Connection> connection_;
    std::uint64_t connections_ = 0;  // so far
    std::string buffer_;
};

}  // namespace gerve

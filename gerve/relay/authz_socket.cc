#include "gerve/relay/authz_socket.h"

#include <sys/socket.h>

#include <cerrno>

#include "authz/base/fd.h"
#include "authz/os/unix_socket.h"

namespace gerve {

AuthzSocket::AuthzSocket(asio::io_context& loop, std::string path, Limits limits, Calls calls)
    : loop_(loop), path_(std::move(path)), limits_(limits), calls_(std::move(calls)) {}

bool AuthzSocket::open() {
    if (connection_ != nullptr) return true;
    const auto address = UnixAddress::of(path_);
    if (!address) return false;
    Fd fd = make_unix_socket(UnixSocketType::packets);
    if (!fd || !address->connect(fd)) return false;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &limits_.send_buffer, sizeof limits_.send_buffer);
    asio::posix::stream_descriptor descriptor(loop_);
    asio::error_code failed;
    descriptor.assign(fd.get(), failed);
    if (failed) return false;
    (void)fd.release();
    buffer_.resize(limits_.longest_message);
    connection_ = std::make_shared<Connection>(Connection{std::move(descriptor), this});
    ++connections_;
    wait(connection_);
    return true;
}

AuthzSocket::Sent AuthzSocket::send(std::string_view message) {
    if (!open()) return Sent::lost;
    const int socket = connection_->descriptor.native_handle();
    if (::send(socket, message.data(), message.size(), MSG_NOSIGNAL) >= 0) return Sent::whole;
    if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return Sent::not_now;
    close();
    calls_.lost();
    return Sent::lost;
}

void AuthzSocket::close() {
    if (connection_ == nullptr) return;
    const auto connection = std::exchange(connection_, nullptr);
    connection->owner = nullptr;
    asio::error_code ignored;
    connection->descriptor.close(ignored);
}

void AuthzSocket::wait(std::shared_ptr<Connection> connection) {
    auto& descriptor = connection->descriptor;
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [connection = std::move(connection)](const asio::error_code&) {
                              if (connection->owner != nullptr) connection->owner->receive(connection);
                          });
}

void AuthzSocket::receive(const std::shared_ptr<Connection>& connection) {
    while (connection->owner != nullptr) {
        const int socket = connection->descriptor.native_handle();
        const ssize_t got = ::recv(socket, buffer_.data(), buffer_.size(), 0);
        if (got > 0) {
            calls_.hear(buffer_.substr(0, static_cast<std::size_t>(got)));
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return wait(connection);
        } else {
            close();
            calls_.lost();
        }
    }
}

}  // namespace gerve

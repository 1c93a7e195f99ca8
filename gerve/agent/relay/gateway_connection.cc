#include "gerve/agent/relay/gateway_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

namespace gerve {

asio::awaitable<bool> GatewayConnection::receive_exactly(char* bytes, std::size_t size) {
    while (size > 0) {
        if (interrupted_) co_return false;
        const ssize_t got = try_receive(bytes, size);
        if (got == 0) co_return false;
        if (got > 0) {
            bytes += got;
            size -= static_cast<std::size_t>(got);
        } else if (!co_await socket_.readable()) {
            co_return false;
        }
    }
    co_return true;
}

ssize_t GatewayConnection::try_receive(char* bytes, std::size_t size) {
    if (!socket_.is_open()) return 0;
    ssize_t got = 0;
    do {
        got = ::recv(socket_.fd(), bytes, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got >= 0) return got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : 0;
}

asio::awaitable<bool> GatewayConnection::write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!socket_.is_open()) co_return false;
        const ssize_t put = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!co_await socket_.writable()) co_return false;
        } else if (errno != EINTR) {
            co_return false;
        }
    }
    co_return true;
}

asio::awaitable<void> GatewayConnection::wait_for_turn() {
    while (writing_) {
        std::error_code woken;
        co_await turns_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
}

asio::awaitable<void> GatewayConnection::stop_reading() {
    co_await wait_for_turn();
    socket_.cancel();
}

asio::awaitable<bool> GatewayConnection::send(std::string_view frames) {
    if (writing_) co_await wait_for_turn();
    writing_ = true;
    bool sent = co_await write_all(frames);
    while (sent && !left_behind_.empty()) {
        const std::string follows = std::exchange(left_behind_, {});
        sent = co_await write_all(follows);
    }
    writing_ = false;
    turns_.cancel_one();
    co_return sent;
}

asio::awaitable<bool> GatewayConnection::send_soon(std::string frame) {
    if (writing_) {
        left_behind_ = std::move(frame);
        co_return true;
    }
    co_return co_await send(frame);
}

bool GatewayConnection::peer_is_gone() {
    if (!socket_.is_open()) return true;
    pollfd watched{socket_.fd(), POLLRDHUP, 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void GatewayConnection::interrupt() {
    interrupted_ = true;
    socket_.cancel();
}

void GatewayConnection::cut() {
    socket_.close();
}

asio::awaitable<void> GatewayConnection::finish() {
    if (!socket_.is_open()) co_return;
    ::shutdown(socket_.fd(), SHUT_WR);
    char discarded[4096];
    while (const ssize_t got = try_receive(discarded, sizeof discarded)) {
        if (got < 0 && !co_await socket_.readable()) co_return;
        if (got > 0) co_await yield_turn();  // a peer that never pauses must not keep the loop
    }
}

}  // namespace gerve

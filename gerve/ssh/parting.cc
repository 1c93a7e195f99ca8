#include "gerve/ssh/parting.h"

#include <sys/socket.h>

#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <memory>

namespace gerve::ssh {
namespace {

constexpr unsigned most_parting = 256;
constexpr std::size_t most_unread = 64 * 1024;
constexpr std::chrono::seconds patience{1};
constexpr std::size_t most_discarded = 8 << 20;
constexpr std::size_t discarded_per_turn = 256 * 1024;

unsigned parting = 0;

class Parting : public std::enable_shared_from_this<Parting> {
  public:
    Parting(asio::posix::stream_descriptor socket, std::string rest)
        : socket_(std::move(socket)), timer_(socket_.get_executor()), rest_(std::move(rest)) {
        ++parting;
    }
    ~Parting() { --parting; }
    Parting(const Parting&) = delete;
    Parting& operator=(const Parting&) = delete;

    void start() {
        timer_.expires_after(patience);
        timer_.async_wait([self = shared_from_this()](const asio::error_code& stopped) {
            if (!stopped) self->end();
        });
        send();
    }

  private:
    using Socket = asio::posix::stream_descriptor;

    void send() {
        while (!rest_.empty()) {
            const ssize_t sent = ::send(socket_.native_handle(), rest_.data(), rest_.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0 && errno == EAGAIN) return wait(Socket::wait_write, &Parting::send);
            if (sent < 0) return end();
            rest_.erase(0, static_cast<std::size_t>(sent));
        }
        ::shutdown(socket_.native_handle(), SHUT_WR);
        discard();
    }

    void discard() {
        std::size_t turn = 0;
        while (turn < discarded_per_turn) {
            const ssize_t got = ::recv(socket_.native_handle(), nullptr, discarded_per_turn, MSG_TRUNC);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) break;
            if (got <= 0) return end();
            turn += static_cast<std::size_t>(got);
        }
        discarded_ += turn;
        if (discarded_ > most_discarded) return end();
        wait(Socket::wait_read, &Parting::discard);
    }

    void wait(Socket::wait_type what, void (Parting::*next)()) {
        socket_.async_wait(what, [self = shared_from_this(), next](const asio::error_code& failed) {
            if (!failed) ((*self).*next)();
        });
    }

    void end() {
        timer_.cancel();
        asio::error_code ignored;
        socket_.close(ignored);
    }

    Socket socket_;
    asio::steady_timer timer_;
    std::string rest_;
    std::size_t discarded_ = 0;
};

}  // namespace

void part_with(asio::posix::stream_descriptor socket, std::string rest) {
    if (parting >= most_parting || rest.size() > most_unread) return;
    std::make_shared<Parting>(std::move(socket), std::move(rest))->start();
}

}  // namespace gerve::ssh

#include "gerve/worker/balancer.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "gerve/loop/timer.h"
#include "gerve/loop/wait.h"

namespace gerve {

namespace {

// A balancer sends its header at once.
constexpr std::chrono::seconds header_patience{5};

// A check that only connects may close or reset, and the kernel tells of it in several ways.
bool is_gone(int error) {
    return error == ECONNRESET || error == EPIPE || error == ENOTCONN || error == ETIMEDOUT;
}

// An empty error: the peer went away without a byte.
asio::awaitable<Result<ProxyHeader>> read_proxy_header(asio::io_context& loop, Fd& socket,
                                                       Deadline deadline) {
    const int fd = socket.get();
    const auto watched = std::make_shared<asio::posix::stream_descriptor>(loop, socket.release());
    Timer timer(loop);
    timer.arm_at(deadline, [watched] {
        asio::error_code ignored;  // it may have been released by now
        watched->cancel(ignored);
    });
    ProxyHeader header;
    Result<void> good;
    while (good && header.wanted() > 0) {
        char bytes[256];
        const std::size_t room = std::min(header.wanted(), sizeof bytes);
        const ssize_t got = ::recv(fd, bytes, room, MSG_DONTWAIT);
        if (got > 0) {
            good = header.take({bytes, static_cast<std::size_t>(got)});
        } else if (got == 0) {
            good = client_error(header.begun() ? "the connection ended within the PROXY header" : "");
        } else if (is_gone(errno) && !header.begun()) {
            good = client_error("");
        } else if (errno != EAGAIN && errno != EINTR) {
            good = client_error(errno_text("recv"));
        } else {
            const bool ready = co_await wait_ready(*watched, watched->wait_read);
            if (!ready) good = client_error("no PROXY header was received in time");
        }
    }
    timer.cancel();
    socket = Fd(watched->release());
    if (!good) co_return pass_on(good);
    co_return header;
}

}  // namespace

Balancers::Balancers(const std::vector<std::string>& networks, unsigned max_waiting, Gauge& shown)
    : max_waiting_(max_waiting), shown_(shown) {
    for (const std::string& text : networks) {
        if (const auto network = Network::parse(text)) networks_.push_back(*network);
    }
}

bool Balancers::include(const IpAddress& peer) const {
    return std::any_of(networks_.begin(), networks_.end(),
                       [&](const Network& network) { return network.contains(peer); });
}

asio::awaitable<Result<IpAddress>> Balancers::find_client(asio::io_context& loop, Fd& socket,
                                                          IpAddress peer) {
    if (!include(peer)) co_return peer;
    if (waiting_ >= max_waiting_) {
        co_return fail(ErrorKind::denied, "Too many connections are waiting for a PROXY header. Try again.");
    }
    shown_.set(++waiting_);
    const auto deadline = std::chrono::steady_clock::now() + header_patience;
    const auto header = co_await read_proxy_header(loop, socket, deadline);
    shown_.set(--waiting_);
    if (header) co_return header->client().value_or(peer);
    co_return pass_on(header);
}

}  // namespace gerve

// When a connection looks at its socket: at once for small talk, seldom while it carries much.
#include <libssh/libssh.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>

#include "gerve/ssh/channel.h"
#include "gerve/ssh/connection.h"

namespace gerve::ssh {
namespace {

// A turn that received more, or sent more, is no small question whose acknowledgement somebody waits for.
constexpr std::uint64_t small_talk = 16 * 1024;
constexpr std::chrono::milliseconds bulk_goes_on{50};

// A client that gets a pack answers every few KB of it with a window adjustment, of 36 bytes. Read as they
// come, each costs a wake-up, a poll and a recv; so a socket that carried much since the last turn, and
// little the other way, is left alone for a millisecond, and for longer while that gathers little. Not over
// a long line, nor with a client of small windows: there it is the window that decides how fast it is.
constexpr std::uint64_t much_sent = 64 * 1024;
constexpr std::chrono::microseconds shortest_rest{1000};
constexpr std::chrono::microseconds longest_rest{4000};
constexpr std::uint32_t long_line = 5000;  // microseconds of round trip

// What the file server is too slow to take is better left with the kernel, and with the client, than gathered
// in the channel, up to the receive window: by then it has left the CPU's cache.
constexpr std::uint64_t much_untaken = 256 * 1024;

bool is_long_line(int socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_rtt > long_line;
}

}  // namespace

// Does not stick: without it the client's Nagle waits 40 ms for our delayed acknowledgement. In bulk the
// kernel acknowledges soon enough by itself, or our own data carry it; so does an answer. A client that waits
// for the answer to its request to log in has nothing to send that could wait for an acknowledgement.
void Connection::acknowledge(std::uint64_t received, bool answered) {
    if (received == 0) return;
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t sent_since = sent() - std::exchange(sent_at_acknowledgement_, sent());
    if (received > small_talk || sent_since > small_talk) last_bulk_ = now;
    if (now - last_bulk_ < bulk_goes_on || answered || held_) return;
    const int on = 1;
    ::setsockopt(wire(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

// Dropbear's dbclient looks whether all is done only when something arrives. If the last data, EOF and CLOSE
// reach it while its standard output is full, it writes the data, answers with CLOSE, and waits for ever.
void Connection::nudge(std::uint64_t received) {
    if (received == 0 || session_ == nullptr || open_channels() || nudges_left_ == 0) return;
    if (!client_version().starts_with("dropbear")) return;
    --nudges_left_;
    const Call call(*this);
    ssh_send_ignore(session_, "");
}

void Connection::consider_rest(std::uint64_t received) {
    if (!logged_in_ || session_ == nullptr || resting_ || write_pending()) return;
    const std::uint64_t sent_since = sent() - std::exchange(sent_at_turn_, sent());
    until_taken_ = received > 0 && untaken() >= much_untaken;
    if (until_taken_) return rest(longest_rest);
    if (sent_since < much_sent || received > small_talk) return;
    for (const auto& channel : channels_) {
        if (channel->lives_on_its_window()) return;
    }
    if (is_long_line(socket_.native_handle())) return;
    rest_ = sent_since < 4 * much_sent ? std::clamp(rest_ * 2, shortest_rest, longest_rest) : shortest_rest;
    rest(rest_);
}

// Asio watches a descriptor all the time: to be left in peace it has to be taken away from it.
void Connection::rest(std::chrono::microseconds time) {
    resting_ = Fd(socket_.release());
    rest_timer_.expires_after(time);
    rest_timer_.async_wait([self = shared_from_this()](const asio::error_code& stopped) {
        if (stopped) return;
        self->stop_resting();
        self->turn();
    });
}

void Connection::stop_resting() {
    if (!resting_) return;
    rest_timer_.cancel();
    asio::error_code failed;
    socket_.assign(resting_.get(), failed);
    if (failed) {
        resting_.reset();
        return close(EndReason::internal, "event loop: " + failed.message());
    }
    (void)resting_.release();
}

void Connection::on_input_taken() {
    if (!resting_ || !until_taken_) return;
    stop_resting();
    turn_soon();
}

std::uint64_t Connection::untaken() const {
    std::uint64_t sum = 0;
    for (const auto& channel : channels_) sum += channel->untaken();
    return sum;
}

// Once libssh has asked for new keys it keeps what it is given until the client has agreed to them; all of it
// goes out at once then.
std::size_t Connection::unsent() const {
    return seam_.unsent() + static_cast<std::size_t>(written_ - std::min(written_, traffic_.data_sent()));
}

void Connection::note_written(std::size_t bytes) {
    written_ += bytes;
}

int Connection::wire() {
    return resting_ ? resting_.get() : socket_.native_handle();
}

// What happened inside a call is dealt with from the event loop; the end of a rest will do for that.
void Connection::turn_soon() {
    if (resting_ || std::exchange(turn_posted_, true)) return;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->turn_posted_ = false;
        self->turn();
    });
}

// A wait that a rest has cut off may be seen to end only when the rest is over.
void Connection::on_ready(const asio::error_code& failed) {
    if (!failed) return turn();
    if (failed == asio::error::operation_aborted) return arm();
    close(EndReason::internal, "event loop: " + failed.message());
}

void Connection::arm() {
    if (session_ == nullptr || resting_) return;
    if (!waiting_read_ && !held_ && takes_its_answers()) {
        waiting_read_ = true;
        socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const asio::error_code& failed) {
                               self->waiting_read_ = false;
                               self->on_ready(failed);
                           });
    }
    if (!waiting_write_ && write_pending()) {
        waiting_write_ = true;
        socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                           [self = shared_from_this()](const asio::error_code& failed) {
                               self->waiting_write_ = false;
                               self->on_ready(failed);
                           });
    }
}

}  // namespace gerve::ssh

#include "gerve/relay/live_link.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cerrno>

#include "authz/base/clock.h"
#include "authz/base/fd.h"
#include "authz/base/log.h"
#include "authz/service/wire.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds turn{1'000};           // between two looks for news
constexpr std::chrono::milliseconds worth_telling{1'000};  // older than that
constexpr std::chrono::milliseconds traffic_period{3'000};
constexpr std::chrono::milliseconds answer_patience{10'000};
constexpr std::size_t message_goal = 64 * 1024;     // bytes; half of what a message may have
constexpr std::size_t longest_message = 32 * 1024;  // of authz's, with max_live_numbers in it

}  // namespace

LiveLink::LiveLink(asio::io_context& loop, std::string socket_path, std::string door)
    : loop_(loop), path_(std::move(socket_path)), door_(std::move(door)), answered_(loop.get_executor()) {}

LiveLink::~LiveLink() = default;

LiveLink::Place LiveLink::enter(LiveSubject& subject) {
    const std::uint64_t number = ++last_number_;
    items_.emplace(number, Item{&subject, steady_clock::now()});
    if (!std::exchange(running_, true)) asio::co_spawn(loop_, run(), asio::detached);
    return {*this, number};
}

void LiveLink::leave(std::uint64_t number) {
    const auto item = items_.find(number);
    if (item == items_.end()) return;
    if (item->second.told) ended_.push_back(number);
    items_.erase(item);
}

asio::awaitable<void> LiveLink::run() {
    asio::steady_timer pause(loop_);
    while (!items_.empty() || !ended_.empty()) {
        pause.expires_after(turn);
        co_await pause.async_wait(asio::use_awaitable);
        co_await tell_news();
    }
    running_ = false;
}

asio::awaitable<void> LiveLink::tell_news() {
    const auto now = steady_clock::now();
    traffic_due_ = now - traffic_at_ >= traffic_period;
    if (traffic_due_) traffic_at_ = now;
    while (true) {
        const LiveNews news = collect();
        if (news.began.empty() && news.moved.empty() && news.ended.empty()) co_return;
        const bool told = co_await ask(news);
        if (!told) co_return;
    }
}

// A part that fits a message, and counts as told from here on: if it is not, the connection is gone, and over
// the next one all is told again.
LiveNews LiveLink::collect() {
    LiveNews news;
    news.client.door = door_;
    const std::size_t over = std::min(ended_.size(), max_live_numbers);
    news.ended.assign(ended_.end() - static_cast<std::ptrdiff_t>(over), ended_.end());
    ended_.resize(ended_.size() - over);
    const auto begun_by = steady_clock::now() - worth_telling;
    std::size_t size = 0;
    for (auto& [number, item] : items_) {
        if (!item.told && item.entered <= begun_by && news.began.size() < max_live_began &&
            size < message_goal) {
            LiveEntry entry = item.subject->describe();
            entry.number = number;
            // JSON may write six bytes for one of a client's.
            size += 512 + entry.handle.size() + 6 * std::min<std::size_t>(entry.client.version.size(), 255);
            news.began.push_back(std::move(entry));
            item.told = true;
        }
        if (!item.told || !traffic_due_ || news.moved.size() >= max_live_numbers) continue;
        LiveTraffic traffic = item.subject->traffic();
        traffic.number = number;
        if (traffic.bytes_in + traffic.bytes_out == item.told_bytes) continue;
        item.told_bytes = traffic.bytes_in + traffic.bytes_out;
        news.moved.push_back(traffic);
    }
    return news;
}

bool LiveLink::connect() {
    if (socket_ != nullptr) return true;
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return false;
    const int buffer = 256 * 1024;  // bytes: more than the largest message
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    socket_ = std::make_shared<asio::posix::stream_descriptor>(loop_, fd.release());
    asio::co_spawn(loop_, receive(socket_), asio::detached);
    return true;
}

// Whether authz has taken it in.
asio::awaitable<bool> LiveLink::ask(const LiveNews& news) {
    if (!connect()) {
        disconnected();
        co_return false;
    }
    const RequestHead head{++last_question_, monotonic_now() + answer_patience.count()};
    const std::string message = encode_request(head, news);
    const Socket socket = socket_;
    const ssize_t sent = ::send(socket->native_handle(), message.data(), message.size(), MSG_NOSIGNAL);
    const auto deadline = steady_clock::now() + answer_patience;
    bool waiting = sent >= 0;
    while (waiting && socket == socket_ && last_answer_ != head.id) {
        waiting = co_await answered_.wait(deadline);
    }
    const bool told = last_answer_ == head.id && taken_in_;
    if (!told && socket == socket_) disconnected();
    co_return told;
}

// Nothing was told over the next connection.
void LiveLink::disconnected() {
    socket_.reset();
    ended_.clear();
    for (auto& [number, item] : items_) {
        item.told = false;
        item.told_bytes = 0;
    }
    answered_.notify();
}

asio::awaitable<void> LiveLink::receive(Socket socket) {
    std::string buffer(longest_message, '\0');
    while (socket == socket_) {
        const ssize_t got = ::recv(socket->native_handle(), buffer.data(), buffer.size(), 0);
        if (got > 0) {
            hear(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            asio::error_code failed;
            co_await socket->async_wait(socket->wait_read, asio::redirect_error(asio::use_awaitable, failed));
            if (failed) break;
        } else {
            break;
        }
    }
    if (socket == socket_) disconnected();
}

void LiveLink::hear(std::string_view message) {
    const auto id = parse_reply_id(message);
    if (!id) return log::error("authz sent what is not a reply", {{"why", describe(id.error())}});
    if (*id != 0) {
        const auto done = parse_done_reply(message);
        if (!done) log::warn("authz takes in no live sessions", {{"why", describe(done.error())}});
        last_answer_ = *id;
        taken_in_ = done.has_value();
        return answered_.notify();
    }
    const auto order = parse_live_order(message);
    if (order) obey(*order);
}

// A connection goes with all that runs on it, also what authz has not heard of yet.
void LiveLink::obey(const LiveOrder& order) {
    for (const std::uint64_t number : order.numbers) {
        const auto ordered = items_.find(number);
        if (ordered == items_.end()) continue;
        const LiveEntry entry = ordered->second.subject->describe();
        ordered->second.subject->end(order.why);
        if (!entry.service.empty()) continue;
        for (const auto& [other, item] : items_) {
            if (other == number) continue;
            if (item.subject->describe().client.connection == entry.client.connection)
                item.subject->end(order.why);
        }
    }
}

}  // namespace gerve

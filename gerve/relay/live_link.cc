#include "gerve/relay/live_link.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <unordered_set>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/wire/wire.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t message_goal = 64 * 1024;     // bytes; half of what a message may have
constexpr std::size_t longest_message = 32 * 1024;  // of authz's, with max_live_numbers in it
constexpr int live_send_buffer = 256 * 1024;        // bytes: more than the largest message

}  // namespace

LiveLink::LiveLink(asio::io_context& loop, std::string socket_path, Door door)
    : LiveLink(loop, std::move(socket_path), door, Pace()) {}

LiveLink::LiveLink(asio::io_context& loop, std::string socket_path, Door door, Pace pace)
    : loop_(loop),
      door_(door),
      pace_(pace),
      socket_(loop, std::move(socket_path), {longest_message, live_send_buffer},
              {[this](const std::string& message) { hear(message); }, [this] { disconnected(); }}),
      answered_(loop.get_executor()) {}

LiveLink::Place LiveLink::enter(LiveSubject& subject) {
    const std::uint64_t number = ++last_number_;
    items_.emplace(number, Item{&subject, steady_clock::now()});
    if (!std::exchange(running_, true)) asio::co_spawn(loop_, run(), asio::detached);
    return {*this, number};
}

LiveLink::Place LiveLink::hold(LiveSubject& subject) {
    const std::uint64_t number = ++last_number_;
    held_.emplace(number, &subject);
    return {*this, number};
}

void LiveLink::leave(std::uint64_t number) {
    if (held_.erase(number) > 0) return;
    const auto item = items_.find(number);
    if (item == items_.end()) return;
    if (item->second.told) ended_.push_back(number);
    items_.erase(item);
}

asio::awaitable<void> LiveLink::run() {
    while (!items_.empty() || !ended_.empty()) {
        co_await pause_for(pace_.turn);
        co_await tell_news();
    }
    running_ = false;
}

asio::awaitable<void> LiveLink::tell_news() {
    const auto now = steady_clock::now();
    Look look{.traffic = now - traffic_at_ >= pace_.traffic};
    if (look.traffic) traffic_at_ = now;
    while (true) {
        const LiveNews news = collect(look);
        if (news.began.empty() && news.moved.empty() && news.ended.empty()) co_return;
        const bool told = co_await ask(news);
        if (!told) co_return;
    }
}

// A part that fits a message, and counts as told from here on: if it is not, the connection is gone, and over
// the next one all is told again.
// The next message of a look at all subjects, bounded by counts and by an estimate of its bytes.
// - A subject is reported when it has lasted `worth_telling`; its end only if it was reported.
// - `told` and `told_bytes` are set before the message is sent. If it does not arrive, the connection to
//   authz is opened anew, and everything is reported again.
// - `look.next` only grows, so a look ends however many subjects come and go meanwhile.
LiveNews LiveLink::collect(Look& look) {
    LiveNews news;
    news.client.door = door_;
    const std::size_t over = std::min(ended_.size(), max_live_numbers);
    news.ended.assign(ended_.end() - static_cast<std::ptrdiff_t>(over), ended_.end());
    ended_.resize(ended_.size() - over);
    const auto begun_by = steady_clock::now() - pace_.worth_telling;
    std::size_t size = 0;
    for (auto at = items_.lower_bound(look.next); at != items_.end(); ++at) {
        auto& [number, item] = *at;
        if (news.began.size() >= max_live_began || news.moved.size() >= max_live_numbers ||
            size >= message_goal)
            break;
        look.next = number + 1;
        if (!item.told && item.entered <= begun_by) {
            LiveEntry entry = item.subject->describe();
            entry.number = number;
            // JSON may write six bytes for one of a client's.
            size += 512 + entry.handle.size() + 6 * std::min<std::size_t>(entry.client.version.size(), 255);
            news.began.push_back(std::move(entry));
            item.told = true;
        }
        if (!item.told || !look.traffic) continue;
        LiveTraffic traffic = item.subject->traffic();
        traffic.number = number;
        if (traffic.bytes_in + traffic.bytes_out == item.told_bytes) continue;
        item.told_bytes = traffic.bytes_in + traffic.bytes_out;
        news.moved.push_back(traffic);
    }
    return news;
}

// Whether authz has taken it in.
asio::awaitable<bool> LiveLink::ask(const LiveNews& news) {
    const RequestHead head{++last_question_, monotonic_now() + pace_.answer.count()};
    const std::string message = encode_request(head, news);
    bool waiting = socket_.send(message) == AuthzSocket::Sent::whole;
    const std::uint64_t connection = socket_.connection();
    const auto deadline = steady_clock::now() + pace_.answer;
    while (waiting && connection == socket_.connection() && last_answer_ != head.id) {
        waiting = co_await answered_.wait(deadline);
    }
    const bool told = last_answer_ == head.id && taken_in_;
    if (!told && connection == socket_.connection()) disconnected();
    co_return told;
}

// Nothing was told over the next connection. authz hears of the end of this one, and forgets what ran there.
void LiveLink::disconnected() {
    socket_.close();
    ended_.clear();
    for (auto& [number, item] : items_) {
        item.told = false;
        item.told_bytes = 0;
    }
    answered_.notify();
}

void LiveLink::hear(std::string_view message) {
    const auto id = parse_reply_id(message);
    if (!id) return log::error("invalid reply from authz", {{"why", describe(id.error())}});
    if (*id != 0) {
        const auto done = parse_reply<Done>(message);
        if (!done) log::warn("authz does not accept live sessions", {{"why", describe(done.error())}});
        last_answer_ = *id;
        taken_in_ = done.has_value();
        return answered_.notify();
    }
    const auto order = parse_reply<LiveOrder>(message);
    if (!order) return log::error("invalid order from authz", {{"why", describe(order.error())}});
    obey(*order);
}

void LiveLink::end_all(LiveEnd why) {
    for (const auto& [number, item] : items_) item.subject->end(why);
    for (const auto& [number, subject] : held_) subject->end(why);
}

// A connection goes with all that runs on it, also what authz has not heard of yet.
void LiveLink::obey(const LiveOrder& order) {
    std::unordered_set<std::string> connections;
    for (const std::uint64_t number : order.numbers) {
        const auto ordered = items_.find(number);
        if (ordered == items_.end()) continue;
        const LiveEntry entry = ordered->second.subject->describe();
        if (entry.service.empty()) connections.insert(entry.client.connection);
        ordered->second.subject->end(order.why);
    }
    if (connections.empty()) return;
    for (const auto& [number, item] : items_) {
        const LiveEntry entry = item.subject->describe();
        if (connections.contains(entry.client.connection)) item.subject->end(order.why);
    }
}

}  // namespace gerve

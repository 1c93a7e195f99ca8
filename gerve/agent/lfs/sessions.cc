#include "gerve/agent/lfs/sessions.h"

#include <algorithm>
#include <utility>

#include "authz/base/clock.h"
#include "gerve/relay/pkt_length.h"

namespace gerve::lfs {
namespace {

// A session that its client has not used for so long since it quit another is ended: git-lfs quits all of
// them in a row, one round trip each, when all is done. git-lfs before 3.6 waits meanwhile.
constexpr std::int64_t left_behind_after = 1000;  // ms

}  // namespace

void FlushCount::add(std::string_view bytes) {
    while (!bytes.empty() && !is_lost_) {
        if (left_ > 0) {
            const std::size_t here = std::min(left_, bytes.size());
            left_ -= here;
            bytes.remove_prefix(here);
            continue;
        }
        const std::size_t here = std::min(pkt_length_size - length_.size(), bytes.size());
        length_.append(bytes.substr(0, here));
        bytes.remove_prefix(here);
        is_at_flush_ = false;
        if (length_.size() < pkt_length_size) return;
        const auto length = parse_pkt_length(length_);
        is_lost_ = !length;
        is_at_flush_ = length && *length == 0;
        if (is_at_flush_) ++flushes_;
        if (length && *length > pkt_length_size) left_ = *length - pkt_length_size;
        length_.clear();
    }
}

Seat::Seat(std::shared_ptr<Activity> client, std::shared_ptr<Activity> connection)
    : client_(std::move(client)), connection_(std::move(connection)), joined_(monotonic_now()) {}

void Seat::receive(std::string_view bytes) {
    requests_.add(bytes);
    move();
}

void Seat::send(std::string_view bytes) {
    answers_.add(bytes);
    move();
}

void Seat::move() {
    moved_ = monotonic_now();
    client_->moved.store(moved_, std::memory_order_relaxed);
    connection_->moved.store(moved_, std::memory_order_relaxed);
}

void Seat::quit() {
    connection_->quit = monotonic_now();
}

// The greeting is one answer more than there were requests.
bool Seat::has_request() const {
    return !requests_.is_between() || !answers_.is_between() || answers_.flushes() <= requests_.flushes();
}

bool Seat::client_moved() {
    const std::int64_t moved = client_->moved.load(std::memory_order_relaxed);
    return std::exchange(seen_, moved) != moved;
}

bool Seat::is_left_behind() {
    const std::int64_t now = monotonic_now();
    if (has_request()) {
        connection_->moved.store(now, std::memory_order_relaxed);
        return false;
    }
    const std::int64_t quit = connection_->quit;
    const std::int64_t last = std::max(quit, connection_->moved.load(std::memory_order_relaxed));
    return quit != 0 && joined_ <= quit && moved_ <= quit && now - last >= left_behind_after;
}

std::shared_ptr<Seat> Sessions::join(const std::string& client, const std::string& connection) {
    auto of_client = activity("client " + client);
    // Without a name of its connection an operation is alone on it.
    auto of_connection = connection.empty() ? std::make_shared<Activity>()
                                            : activity("connection " + connection + " " + client);
    of_connection->quit = 0;
    return std::make_shared<Seat>(std::move(of_client), std::move(of_connection));
}

std::shared_ptr<Activity> Sessions::activity(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(activities_, [](const auto& one) { return one.second.expired(); });
    auto& known = activities_[name];
    auto found = known.lock();
    if (!found) known = found = std::make_shared<Activity>();
    return found;
}

}  // namespace gerve::lfs

#include "gerve/agent/lfs/sessions.h"

#include <utility>

#include "authz/base/clock.h"

namespace gerve::lfs {
namespace {

// After which nobody is at work on a connection whose client has quit: git-lfs quits when all is done.
constexpr std::int64_t left_behind_after = 700;  // ms

}  // namespace

void Seat::move() {
    const std::int64_t now = monotonic_now();
    client_->moved.store(now, std::memory_order_relaxed);
    connection_->moved.store(now, std::memory_order_relaxed);
}

bool Seat::client_moved() {
    const std::int64_t moved = client_->moved.load(std::memory_order_relaxed);
    return std::exchange(seen_, moved) != moved;
}

bool Seat::is_left_behind() const {
    return connection_->quit && monotonic_now() - connection_->moved >= left_behind_after;
}

std::shared_ptr<Seat> Sessions::join(const std::string& client, const std::string& connection) {
    auto of_client = activity("client " + client);
    // Without a name of its connection an operation is alone on it.
    auto of_connection = connection.empty() ? std::make_shared<Activity>()
                                            : activity("connection " + connection + " " + client);
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

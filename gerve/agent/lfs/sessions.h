// Which sessions of git-lfs belong together: those of one client for one repository, and the push that waits
// for them; and among them those on one connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace gerve::lfs {

// What several operations do, of which each has a share. Any thread may use it.
struct Activity {
    std::atomic<std::int64_t> moved{0};  // when a byte last went through; monotonic_now()
    std::atomic<bool> quit{false};       // one of them was ended by its client
};

// An operation's share of two activities.
class Seat {
  public:
    Seat(std::shared_ptr<Activity> client, std::shared_ptr<Activity> connection)
        : client_(std::move(client)), connection_(std::move(connection)) {}

    void move();
    void quit() { connection_->quit = true; }

    // Whether a session of the same client has moved since this was last asked.
    [[nodiscard]] bool client_moved();
    // The client has quit a session on this connection and does nothing on the others: git-lfs before 3.6
    // waits for them to end, for as long as two minutes, and they wait for it.
    [[nodiscard]] bool is_left_behind() const;

  private:
    std::shared_ptr<Activity> client_;
    std::shared_ptr<Activity> connection_;
    std::int64_t seen_ = 0;
};

class Sessions {
  public:
    // `client`: one for all operations of an account, or a key, on a repository; `connection`: of these, for
    // those on one connection.
    [[nodiscard]] std::shared_ptr<Seat> join(const std::string& client, const std::string& connection);

  private:
    [[nodiscard]] std::shared_ptr<Activity> activity(const std::string& name);

    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<Activity>> activities_;
};

}  // namespace gerve::lfs

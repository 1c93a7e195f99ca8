// Which sessions of git-lfs belong together: those of one client for one repository, and the push that waits
// for them; and among them those on one connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gerve::lfs {

// What several operations do, of which each has a share. Any thread may use it.
struct Activity {
    std::atomic<std::int64_t> moved{0};  // when a byte last went through; monotonic_now()
    std::atomic<std::int64_t> quit{0};   // when one of them was ended by its client; 0: none since one joined
};

// Counts the flush packets of a stream of pkt-lines, whose bytes come in any pieces. Each request of git-lfs
// ends with one, and so do each answer and the greeting.
class FlushCount {
  public:
    void add(std::string_view bytes);
    [[nodiscard]] std::uint64_t flushes() const { return flushes_; }
    [[nodiscard]] bool is_between() const { return is_at_flush_; }  // nothing has begun behind the last one

  private:
    std::string length_;    // what came of it
    std::size_t left_ = 0;  // bytes of the packet that are to come
    std::uint64_t flushes_ = 0;
    bool is_at_flush_ = true;
    bool is_lost_ = false;  // these are no pkt-lines
};

// An operation's share of two activities. Only its own thread uses it.
class Seat {
  public:
    Seat(std::shared_ptr<Activity> client, std::shared_ptr<Activity> connection);

    void receive(std::string_view bytes);  // from the client
    void send(std::string_view bytes);
    void quit();

    // Whether a session of the same client has moved since this was last asked.
    [[nodiscard]] bool client_moved();
    // The client has quit a session on this connection and does nothing on this one, which it had by then:
    // git-lfs before 3.6 waits for it to end, for as long as two minutes, and it waits for the client. One
    // that has a request open, or that moved since then, is at work for another git-lfs, and so may those be
    // that are idle meanwhile. To be asked more often than every second: the others learn of an open request.
    [[nodiscard]] bool is_left_behind();

  private:
    void move();
    [[nodiscard]] bool has_request() const;

    std::shared_ptr<Activity> client_;
    std::shared_ptr<Activity> connection_;
    std::int64_t joined_;
    std::int64_t moved_ = 0;
    FlushCount requests_;
    FlushCount answers_;
    std::int64_t seen_ = 0;
};

class Sessions {
  public:
    // `client`: one for all operations of an account, or a key, on a repository; `connection`: of these, for
    // those on one connection, empty for an operation that has no part in what is left behind there.
    [[nodiscard]] std::shared_ptr<Seat> join(const std::string& client, const std::string& connection);

  private:
    [[nodiscard]] std::shared_ptr<Activity> activity(const std::string& name);

    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<Activity>> activities_;
};

}  // namespace gerve::lfs

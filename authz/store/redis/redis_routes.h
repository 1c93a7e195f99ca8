// RedisRoutes: `route:<owner>` in Redis, the first place to look for the server of an owner's repositories.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "authz/base/directory_counters.h"
#include "authz/store/redis/redis_master.h"
#include "authz/store/redis/redis_odd_values.h"
#include "authz/store/redis/route_hints.h"

namespace gerve {

// A lookup never connects and never waits for a connection. All connecting, probing and repairing is done by
// one thread of this object: while Redis is away, a lookup costs a mutex.
class RedisRoutes final : public RouteHints {
  public:
    // `connections` (from 1): as many lookups at a time go to Redis; one per asking thread. Waits for the
    // first attempt to connect, so that what comes right after a start finds Redis. `counters` must outlive
    // it.
    RedisRoutes(RedisSettings settings, unsigned connections, RedisCounters& counters);
    ~RedisRoutes() override;
    RedisRoutes(const RedisRoutes&) = delete;
    RedisRoutes& operator=(const RedisRoutes&) = delete;

    [[nodiscard]] Result<std::optional<ServerName>> find(const Login& owner) override;
    // SET NX by the thread of this object. While Redis refuses that (memory, a replica, an ACL), it is tried
    // again at most every refused_pause.
    void learn(const Login& owner, const ServerName& server) override;

  private:
    // A connection with the generation that it was opened in. An error ends a generation: connections that
    // were opened before it are as suspect as the one that failed.
    struct Slot {
        RedisConnection connection;
        std::uint64_t generation;
    };
    struct Repair {
        std::string key;
        std::string server;
    };

    std::optional<Slot> take();
    [[nodiscard]] Error odd_value(const Slot& slot, const Login& owner, const RedisReply& reply) const;
    void note_odd(const Login& owner, const Error& error, std::chrono::milliseconds leave_alone);
    void settle(Slot slot, const Login& owner, const RedisReply& reply, const Error& error);
    void settle(Slot slot, const Login& owner);
    void note_refusal(const RedisReply& reply);
    void note_repair();
    void give_back(Slot slot);
    // Which connections an error puts in doubt, beside the value that was asked for.
    enum class Suspects { none, this_one, all };
    void drop(std::uint64_t generation, const Error& error, Suspects which);
    void run();
    bool refill();
    void watch(bool ask_sentinels);
    std::deque<Repair> rest(std::chrono::milliseconds pause, bool full);
    void repair(const Repair& what);

    const RedisSettings settings_;
    const unsigned wanted_;  // one more than there are askers, for this object's own thread
    RedisCounters& counters_;

    std::mutex mutex_;
    std::condition_variable news_;
    std::vector<Slot> idle_;
    unsigned open_ = 0;  // idle and taken ones of this generation
    std::uint64_t generation_ = 1;
    std::deque<Repair> repairs_;
    bool tried_ = false;  // the first attempt is over
    bool stopping_ = false;
    bool was_told_away_ = false;                           // the log has the last change
    std::chrono::steady_clock::time_point next_repair_{};  // later than now while repairs are refused
    std::string refusal_;  // the first word of the refusal that was logged; empty: repairs are taken
    OddRedisValues odd_;
    std::atomic<std::int64_t> ask_again_{0};  // monotonic_now(): not earlier, while Redis refuses GET
    std::atomic<bool> get_refused_{false};    // the log says so
    std::thread thread_;
};

}  // namespace gerve

// Keeps a fixed number of light sessions in flight until a given number of them has ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/bench/light_session.h"

namespace gerve::bench {

/// The keys of a run, owned; sessions take them in turn.
class Keys {
  public:
    Keys() = default;
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;
    ~Keys();
    /// Throws std::runtime_error.
    void read(const std::string& file);
    ssh_key of(std::size_t session) const { return keys_[session % keys_.size()]; }

  private:
    std::vector<ssh_key> keys_;
};

struct LoadShape {
    std::size_t total = 1;      ///< sessions to start, failed ones included
    std::size_t in_flight = 1;  ///< unfinished sessions at any time (with hold: sessions still being set up)
    std::chrono::milliseconds timeout{30000};  ///< from connect(2) to the exit status, per session
};

struct Failures {
    std::size_t count = 0;
    std::string example;  ///< the first one's detail
};

struct Outcome {
    std::vector<double> latencies_ms;  ///< of the sessions that succeeded, in the order they ended
    std::map<std::string, Failures> failures;
    double elapsed_s = 0;
};

/// A closed loop on epoll in the calling thread. Every session that ends makes room for the next.
class Load {
  public:
    Load(const Errand& errand, const Keys& keys, const LoadShape& shape);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Until all sessions have ended, or, when the errand says hold, until none is being set up any more.
    Outcome run();
    /// Sessions that are open and waiting; they stay so until this object goes or the server ends them.
    std::size_t held() const { return held_; }

  private:
    void start_more();
    void wait_for_events();
    void attend(LightSession* session);
    void settle(LightSession* session);
    void watch(LightSession* session, int operation);
    void expire();

    const Errand& errand_;
    const Keys& keys_;
    const LoadShape& shape_;
    int epoll_fd_;
    std::unordered_map<LightSession*, std::unique_ptr<LightSession>> sessions_;
    std::size_t begun_ = 0;
    std::size_t held_ = 0;
    Clock::time_point next_expiry_ = Clock::now();
    Outcome outcome_;
};

}  // namespace gerve::bench

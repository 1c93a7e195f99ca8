// OddRedisValues: keys of ours in Redis that hold no server name, so that each is logged once and costs
// little.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "authz/base/clock.h"

namespace gerve {

// Used by many threads at once. Remembers a bounded number of owners; beyond it, it begins anew.
class OddRedisValues {
  public:
    // Whether this owner's key is not to be asked for now: its value was too long to be read a moment ago.
    [[nodiscard]] bool left_alone(const std::string& owner) {
        if (count_ == 0) return false;
        const std::lock_guard lock(mutex_);
        const auto found = known_.find(owner);
        return found != known_.end() && monotonic_now() < found->second.left_alone_until;
    }
    // Returns whether it is to be logged: it was not known to be odd, or for another reason.
    // `leave_alone`: zero for a value that costs nothing to ask for.
    [[nodiscard]] bool note(const std::string& owner, const std::string& why,
                            std::chrono::milliseconds leave_alone) {
        const std::lock_guard lock(mutex_);
        if (known_.size() >= max_known && !known_.contains(owner)) known_.clear();
        Odd& odd = known_[owner];
        odd.left_alone_until = monotonic_now() + leave_alone.count();
        count_ = known_.size();
        return std::exchange(odd.why, why) != why;
    }
    // The key has a server's name, or is not there.
    void forget(const std::string& owner) {
        if (count_ == 0) return;
        const std::lock_guard lock(mutex_);
        known_.erase(owner);
        count_ = known_.size();
    }

    static constexpr std::size_t max_known = 1'024;

  private:
    struct Odd {
        std::string why;
        std::int64_t left_alone_until = 0;  // monotonic_now()
    };
    std::atomic<std::size_t> count_{0};  // of known_; nearly always 0, and then nobody takes the lock
    std::mutex mutex_;
    std::unordered_map<std::string, Odd> known_;
};

}  // namespace gerve

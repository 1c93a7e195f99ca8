// The nonces of the tickets that an agent has accepted, so that none is accepted twice; shared by its
// threads.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace gerve {

class NonceCache {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::size_t nonce_size = 16;

    // A nonce is kept for `lifetime`; at most about `capacity` are kept at once.
    NonceCache(std::chrono::milliseconds lifetime, std::size_t capacity);

    enum class Verdict { fresh, seen, full };

    // Records a nonce of nonce_size bytes. `full` records nothing: a cache that forgets early would let a
    // ticket in twice.
    [[nodiscard]] Verdict insert(std::string_view nonce, TimePoint now);

    // Takes back an insert: nothing was done for that ticket, and it may be tried again.
    void forget(std::string_view nonce);

    [[nodiscard]] std::size_t size() const;

  private:
    using Nonce = std::array<char, nonce_size>;
    struct Hash {
        // The nonces are random, and an attacker who could choose them would hold a ticket key.
        std::size_t operator()(const Nonce& nonce) const;
    };
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_set<Nonce, Hash> nonces;
        std::deque<std::pair<TimePoint, Nonce>> by_age;
    };
    static constexpr std::size_t shard_count = 16;

    Shard& shard_of(const Nonce& nonce);

    std::chrono::milliseconds lifetime_;
    std::size_t shard_capacity_;
    std::array<Shard, shard_count> shards_;
};

}  // namespace gerve

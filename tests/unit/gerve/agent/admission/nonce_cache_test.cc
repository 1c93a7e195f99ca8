#include "gerve/agent/admission/nonce_cache.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "authz/base/digest.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;
using Verdict = NonceCache::Verdict;

std::string nonce(unsigned char first, unsigned char second = 0) {
    std::string bytes(NonceCache::nonce_size, '\0');
    bytes[0] = static_cast<char>(first);
    bytes[15] = static_cast<char>(second);
    return bytes;
}

TEST_CASE("a nonce is fresh once within its lifetime") {
    NonceCache cache(60s, 1000);
    const NonceCache::TimePoint start{1000s};
    CHECK(cache.insert(nonce(1), start) == Verdict::fresh);
    CHECK(cache.insert(nonce(1), start) == Verdict::seen);
    CHECK(cache.insert(nonce(1), start + 59s) == Verdict::seen);
    CHECK(cache.insert(nonce(1, 1), start) == Verdict::fresh);  // same shard, another nonce
    CHECK(cache.insert(nonce(1), start + 60s) == Verdict::fresh);
    CHECK(cache.size() == 1);  // the other one has expired as well
}

TEST_CASE("a full cache records nothing rather than forget early") {
    NonceCache cache(60s, 32);  // two in each of 16 shards
    const NonceCache::TimePoint start{1000s};
    CHECK(cache.insert(nonce(16, 1), start) == Verdict::fresh);
    CHECK(cache.insert(nonce(16, 2), start + 1s) == Verdict::fresh);
    CHECK(cache.insert(nonce(16, 3), start + 2s) == Verdict::full);
    CHECK(cache.insert(nonce(16, 1), start + 2s) == Verdict::seen);
    CHECK(cache.insert(nonce(17, 1), start + 2s) == Verdict::fresh);
    CHECK(cache.insert(nonce(16, 3), start + 60s) == Verdict::fresh);
}

TEST_CASE("what was taken back may come again, and is then kept as long as any other") {
    NonceCache cache(60s, 1000);
    const NonceCache::TimePoint start{1000s};
    CHECK(cache.insert(nonce(1), start) == Verdict::fresh);
    cache.forget(nonce(1));
    cache.forget(nonce(2));  // never there
    CHECK(cache.insert(nonce(1), start + 1s) == Verdict::fresh);
    CHECK(cache.insert(nonce(1), start + 2s) == Verdict::seen);
}

TEST_CASE("of many threads that show one nonce, one gets it") {
    NonceCache cache(60s, 100'000);
    const auto now = std::chrono::steady_clock::now();
    std::atomic<int> fresh = 0;
    std::vector<std::string> nonces;
    for (int i = 0; i < 2000; ++i) nonces.push_back(random_bytes(NonceCache::nonce_size));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (const auto& each : nonces) fresh += cache.insert(each, now) == Verdict::fresh ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(fresh == 2000);
    CHECK(cache.size() == 2000);
}

}  // namespace
}  // namespace gerve

#include "gerve/agent/admission/nonce_cache.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace gerve {

NonceCache::NonceCache(std::chrono::milliseconds lifetime, std::size_t capacity)
    : lifetime_(lifetime), shard_capacity_(std::max<std::size_t>(1, capacity / shard_count)) {}

std::size_t NonceCache::Hash::operator()(const Nonce& nonce) const {
    std::size_t hash = 0;
    std::memcpy(&hash, nonce.data() + 1, sizeof hash);  // the first byte chose the shard
    return hash;
}

NonceCache::Shard& NonceCache::shard_of(const Nonce& nonce) {
    return shards_[static_cast<unsigned char>(nonce[0]) % shard_count];
}

namespace {
std::array<char, NonceCache::nonce_size> as_array(std::string_view bytes) {
    assert(bytes.size() == NonceCache::nonce_size);
    std::array<char, NonceCache::nonce_size> nonce{};
    std::copy_n(bytes.data(), std::min(bytes.size(), nonce.size()), nonce.data());
    return nonce;
}
}  // namespace

NonceCache::Verdict NonceCache::insert(std::string_view bytes, TimePoint now) {
    const Nonce nonce = as_array(bytes);
    Shard& shard = shard_of(nonce);
    const std::lock_guard lock(shard.mutex);
    while (!shard.by_age.empty() && shard.by_age.front().first <= now) {
        shard.nonces.erase(shard.by_age.front().second);
        shard.by_age.pop_front();
    }
    if (shard.nonces.contains(nonce)) return Verdict::seen;
    if (shard.by_age.size() >= shard_capacity_) return Verdict::full;
    shard.nonces.insert(nonce);
    shard.by_age.emplace_back(now + lifetime_, nonce);
    return Verdict::fresh;
}

void NonceCache::forget(std::string_view bytes) {
    const Nonce nonce = as_array(bytes);
    Shard& shard = shard_of(nonce);
    const std::lock_guard lock(shard.mutex);
    shard.nonces.erase(nonce);  // its place in by_age goes with time
}

std::size_t NonceCache::size() const {
    std::size_t count = 0;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        count += shard.nonces.size();
    }
    return count;
}

}  // namespace gerve

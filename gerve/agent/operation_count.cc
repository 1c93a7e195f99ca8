#include "gerve/agent/operation_count.h"

namespace gerve {

OperationCount::Verdict OperationCount::begin(const std::string& owner, unsigned most,
                                              unsigned most_per_owner) {
    const std::lock_guard lock(mutex_);
    if (running_ >= most) return Verdict::full;
    const auto known = owners_.find(owner);
    if (most_per_owner != 0 && known != owners_.end() && known->second >= most_per_owner) {
        return Verdict::owner_full;
    }
    ++owners_[owner];
    ++running_;
    return Verdict::begun;
}

void OperationCount::end(const std::string& owner) {
    const std::lock_guard lock(mutex_);
    const auto known = owners_.find(owner);
    if (known == owners_.end()) return;
    if (--known->second == 0) owners_.erase(known);
    --running_;
}

unsigned OperationCount::running() const {
    const std::lock_guard lock(mutex_);
    return running_;
}

}  // namespace gerve

#include "authz/audit/signature_counters.h"

#include <algorithm>

namespace gerve {

std::optional<std::uint32_t> SignatureCounters::judge(const AuditRow& row, const CountedUse& stored) {
    if (row.counter == 0 || row.proven_key <= 0) return std::nullopt;
    if (recent_.size() >= max_keys && !recent_.contains(row.proven_key)) recent_.erase(recent_.begin());
    std::deque<CountedUse>& uses = recent_[row.proven_key];
    const CountedUse use{row.counter, row.happened_at};
    const bool again = std::any_of(uses.begin(), uses.end(), [&](const CountedUse& one) {
        return one.at == use.at && one.counter == use.counter;
    });
    if (again) return std::nullopt;
    std::uint32_t highest = stored.at < row.connected_at ? stored.counter : 0;
    for (const CountedUse& one : uses) {
        if (one.at < row.connected_at) highest = std::max(highest, one.counter);
    }
    uses.push_back(use);
    if (uses.size() > max_uses) uses.pop_front();
    if (row.connected_at == 0 || row.counter >= highest) return std::nullopt;
    return highest;
}

}  // namespace gerve

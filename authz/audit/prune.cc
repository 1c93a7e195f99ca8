#include "authz/audit/prune.h"

#include <algorithm>

namespace gerve {
namespace {

constexpr std::int64_t window =
    5'000;  // numbers looked at by one statement, so that none holds locks for long

constexpr Statement find_trails{"audit-trails",
                                "SELECT chain, MIN(seq), MAX(seq) FROM audit_events GROUP BY chain"};
constexpr Statement delete_window{"audit-prune",
                                  "DELETE FROM audit_events"
                                  " WHERE chain = ? AND seq >= ? AND seq < ? AND happened_at < ?"};
constexpr Statement find_last_old{"audit-last-old",
                                  "SELECT COALESCE(MAX(seq), 0) FROM audit_events"
                                  " WHERE chain = ? AND happened_at < ?"};

Result<std::int64_t> last_old(Database& database, const std::string& chain, UnixMillis before) {
    const auto rows = database.query(find_last_old, {BlobView{chain}, before});
    if (!rows) return pass_on(rows);
    const auto* seq = rows->empty() ? nullptr : std::get_if<std::int64_t>(&rows->front().front());
    return seq == nullptr ? std::int64_t{0} : *seq;
}

}  // namespace

Result<std::uint64_t> prune_audit_events(Database& database, UnixMillis before) {
    const auto trails = database.query(find_trails, {});
    if (!trails) return pass_on(trails);
    std::uint64_t deleted = 0;
    for (const Row& trail : *trails) {
        const auto* chain = std::get_if<std::string>(&trail[0]);
        const auto* first = std::get_if<std::int64_t>(&trail[1]);
        const auto* last = std::get_if<std::int64_t>(&trail[2]);
        if (chain == nullptr || first == nullptr || last == nullptr)
            return unavailable("audit-trails: a row is malformed");
        const auto old = last_old(database, *chain, before);
        if (!old) return pass_on(old);
        const std::int64_t end = std::min(*old + 1, *last);
        for (std::int64_t from = *first; from < end; from += window) {
            const auto gone = database.execute(
                delete_window, {BlobView{*chain}, from, std::min(from + window, end), before});
            if (!gone) return pass_on(gone);
            deleted += static_cast<std::uint64_t>(gone->rows);
        }
    }
    return deleted;
}

}  // namespace gerve

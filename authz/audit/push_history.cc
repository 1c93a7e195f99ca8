#include "authz/audit/push_history.h"

namespace gerve {
namespace {

constexpr Statement select_pushes{
    "push-history",
    "SELECT body FROM audit_events WHERE repository = ? AND kind = 'push' AND happened_at >= ?"
    " ORDER BY happened_at DESC, seq DESC LIMIT ? OFFSET ?"};

}  // namespace

Result<std::vector<std::string>> read_push_events(Database& database, const std::string& name,
                                                  const PushPage& page) {
    const auto rows = database.query(
        select_pushes, {std::string_view(name), page.since, static_cast<std::int64_t>(page.most),
                        static_cast<std::int64_t>(page.skipped)});
    if (!rows) return pass_on(rows);
    std::vector<std::string> events;
    for (const Row& row : *rows) {
        const auto* body = row.empty() ? nullptr : std::get_if<std::string>(&row.front());
        if (body == nullptr) return unavailable("push-history: a row is malformed");
        events.push_back(*body);
    }
    return events;
}

}  // namespace gerve

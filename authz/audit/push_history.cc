#include "authz/audit/push_history.h"

#include "authz/audit/rows.h"

namespace gerve {
namespace {

constexpr Statement select_pushes{
    "push-history",
    "SELECT body FROM audit_events WHERE repository = ? AND kind = 'push' AND happened_at >= ?"
    " ORDER BY happened_at DESC, seq DESC LIMIT ? OFFSET ?"};

}  // namespace

Result<std::vector<std::string>> read_push_events(Database& database, const std::string& name,
                                                  const PushPage& page) {
    return read_bodies(database, select_pushes,
                       {std::string_view(name), page.since, static_cast<std::int64_t>(page.most),
                        static_cast<std::int64_t>(page.skipped)});
}

}  // namespace gerve

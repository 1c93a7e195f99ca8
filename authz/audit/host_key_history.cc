#include "authz/audit/host_key_history.h"

namespace gerve {
namespace {

// A body is written without blanks, and what it quotes cannot look like one of its members.
constexpr Statement select_last_proofs{
    "last-proofs",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT fingerprint, MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven'"
    " AND happened_at >= ? AND body LIKE '%\"door\":\"gateway\"%' GROUP BY fingerprint) m"
    " ON e.fingerprint = m.fingerprint AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' AND e.body LIKE '%\"door\":\"gateway\"%' ORDER BY e.happened_at"};
constexpr Statement select_gateway_proofs{
    "gateway-proofs",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT gateway, MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven'"
    " AND happened_at >= ? AND body LIKE '%\"door\":\"gateway\"%' GROUP BY gateway) m"
    " ON e.gateway = m.gateway AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' AND e.body LIKE '%\"door\":\"gateway\"%' ORDER BY e.gateway"};
constexpr Statement select_learning_sessions{
    "learning-sessions",
    "SELECT body FROM audit_events WHERE kind = 'session'"
    " AND happened_at >= ? AND body LIKE '%\"host_keys_learned\":[%'"};

Result<std::vector<std::string>> bodies(Database& database, const Statement& statement, UnixMillis since) {
    const auto rows = database.query(statement, {since});
    if (!rows) return pass_on(rows);
    std::vector<std::string> events;
    for (const Row& row : *rows) {
        const auto* body = row.empty() ? nullptr : std::get_if<std::string>(&row.front());
        if (body == nullptr) return unavailable(std::string(statement.name) + ": a row is malformed");
        events.push_back(*body);
    }
    return events;
}

}  // namespace

Result<std::vector<std::string>> read_last_proofs(Database& database, UnixMillis since) {
    return bodies(database, select_last_proofs, since);
}

Result<std::vector<std::string>> read_gateway_proofs(Database& database, UnixMillis since) {
    return bodies(database, select_gateway_proofs, since);
}

Result<std::vector<std::string>> read_learning_sessions(Database& database, UnixMillis since) {
    return bodies(database, select_learning_sessions, since);
}

}  // namespace gerve

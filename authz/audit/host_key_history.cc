#include "authz/audit/host_key_history.h"

#include "authz/audit/rows.h"

namespace gerve {
namespace {

// A body is written without blanks, and what it quotes cannot look like one of its members. A fingerprint has
// 50 characters.
constexpr Statement select_host_key_proofs{
    "host-key-proofs",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT fingerprint, CASE WHEN body LIKE '%\"host_key\":\"SHA256:%'"
    " THEN SUBSTR(body, INSTR(body, '\"host_key\":\"SHA256:') + 12, 50) ELSE '' END AS accepted,"
    " MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven'"
    " AND happened_at >= ? AND body LIKE '%\"door\":\"gateway\"%' GROUP BY fingerprint, accepted) m"
    " ON e.fingerprint = m.fingerprint AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' AND e.body LIKE '%\"door\":\"gateway\"%' ORDER BY e.happened_at"};
constexpr Statement select_gateway_proofs{
    "gateway-proofs",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT gateway, MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven'"
    " AND happened_at >= ? AND body LIKE '%\"door\":\"gateway\"%' GROUP BY gateway) m"
    " ON e.gateway = m.gateway AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' AND e.body LIKE '%\"door\":\"gateway\"%' ORDER BY e.gateway"};
constexpr Statement select_announcements{
    "host-key-announcements",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT gateway, MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven'"
    " AND happened_at >= ? AND body LIKE '%\"host_keys_announced\":[%' GROUP BY gateway) m"
    " ON e.gateway = m.gateway AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' AND e.body LIKE '%\"host_keys_announced\":[%' ORDER BY e.gateway"};
constexpr Statement select_learning_sessions{
    "learning-sessions",
    "SELECT body FROM audit_events WHERE kind = 'session' AND body LIKE '%\"host_keys_learned\":[%'"};
// A trail begins with 1: one whose first row is another was pruned up to it, or was not in the table until
// then.
constexpr Statement select_late_trails{
    "late-trails",
    "SELECT e.chain FROM audit_events e JOIN"
    " (SELECT chain, MIN(seq) AS first_seq FROM audit_events GROUP BY chain) m"
    " ON e.chain = m.chain AND e.seq = m.first_seq WHERE m.first_seq > 1 AND e.happened_at > ?"};

}  // namespace

Result<std::vector<std::string>> read_host_key_proofs(Database& database, UnixMillis since) {
    return read_bodies(database, select_host_key_proofs, {since});
}

Result<std::vector<std::string>> read_gateway_proofs(Database& database, UnixMillis since) {
    return read_bodies(database, select_gateway_proofs, {since});
}

Result<std::vector<std::string>> read_announcements(Database& database, UnixMillis since) {
    return read_bodies(database, select_announcements, {since});
}

Result<std::vector<std::string>> read_learning_sessions(Database& database) {
    return read_bodies(database, select_learning_sessions, {});
}

Result<bool> lacks_events(Database& database, UnixMillis since) {
    const auto trails = database.query(select_late_trails, {since});
    if (!trails) return pass_on(trails);
    return !trails->empty();
}

}  // namespace gerve

#include "authz/audit/login_history.h"

#include "authz/audit/rows.h"

namespace gerve {
namespace {

// A body is written without blanks, and what it quotes cannot look like one of its members. Their order is
// that of fact_of(KeyProven).
constexpr Statement select_kinds_of_logins{
    "kinds-of-logins",
    "SELECT e.body FROM audit_events e JOIN"
    " (SELECT fingerprint,"
    " CASE WHEN body LIKE '%\"key_exchange\":\"%' THEN SUBSTR(body, INSTR(body, '\"key_exchange\":\"'),"
    " INSTR(body, '\",\"address\":\"') - INSTR(body, '\"key_exchange\":\"')) ELSE '' END AS exchange,"
    " CASE WHEN body LIKE '%\"security_key\":{%' THEN SUBSTR(body, INSTR(body, '\"security_key\":{'),"
    " INSTR(body, ',\"counter\":') - INSTR(body, '\"security_key\":{')) ELSE '' END AS attested,"
    " SUBSTR(body, INSTR(body, '\"client\":\"'),"
    " INSTR(body, '\",\"connection\":\"') - INSTR(body, '\"client\":\"')) AS program,"
    " MAX(happened_at) AS last_time FROM audit_events WHERE kind = 'proven' AND happened_at >= ?"
    " GROUP BY fingerprint, exchange, attested, program) m"
    " ON e.fingerprint = m.fingerprint AND e.happened_at = m.last_time"
    " WHERE e.kind = 'proven' ORDER BY e.happened_at"};

}  // namespace

Result<std::vector<std::string>> read_kinds_of_logins(Database& database, UnixMillis since) {
    return read_bodies(database, select_kinds_of_logins, {since});
}

}  // namespace gerve

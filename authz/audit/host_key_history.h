// What the table of audit events tells of host keys: which ones the gateways' clients rely on, and which they
// have learned.
#pragma once

#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

// Events as JSON, of logins through a gateway since then. Errors: client, unavailable.
// The last `proven` of each user key and deploy key.
[[nodiscard]] Result<std::vector<std::string>> read_last_proofs(Database& database, UnixMillis since);
// The last `proven` of each gateway.
[[nodiscard]] Result<std::vector<std::string>> read_gateway_proofs(Database& database, UnixMillis since);
// Each `session` whose client had host keys proven.
[[nodiscard]] Result<std::vector<std::string>> read_learning_sessions(Database& database, UnixMillis since);

}  // namespace gerve

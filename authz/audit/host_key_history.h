// What the table of audit events tells of host keys: which ones the gateways' clients rely on, and which they
// have learned.
#pragma once

#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

// Events as JSON, since then, of logins through a gateway. Errors: client, unavailable.
// The last `proven` of each user key and deploy key by each host key that was accepted with it, the oldest
// first. Now and then an earlier one as well.
[[nodiscard]] Result<std::vector<std::string>> read_host_key_proofs(Database& database, UnixMillis since);
// The last `proven` of each gateway.
[[nodiscard]] Result<std::vector<std::string>> read_gateway_proofs(Database& database, UnixMillis since);
// The last `proven` of each gateway that tells which host keys the gateway announces.
[[nodiscard]] Result<std::vector<std::string>> read_announcements(Database& database, UnixMillis since);
// Each `session` whose client had host keys proven, of any age.
[[nodiscard]] Result<std::vector<std::string>> read_learning_sessions(Database& database);
// Whether the table lacks the beginning of a trail, and may therefore lack events since then. Errors: as
// above.
[[nodiscard]] Result<bool> lacks_events(Database& database, UnixMillis since);

}  // namespace gerve

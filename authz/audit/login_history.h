// What the table of audit events tells of logins: by which key exchanges, clients and FIDO flags keys were
// used.
#pragma once

#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

// Events as JSON since then: the last `proven` of each key by each key exchange, version of the client, and
// flags of a FIDO signature, the oldest first. Now and then an earlier one as well. Those of keys that the
// directory did not know are among them. Errors: client, unavailable.
[[nodiscard]] Result<std::vector<std::string>> read_kinds_of_logins(Database& database, UnixMillis since);

}  // namespace gerve

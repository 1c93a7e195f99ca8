// Retention: deletes old audit events from the table, by an account that may.
#pragma once

#include <cstdint>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

// Deletes what happened before `before`, some thousand at a time, and returns how many there were. The last
// event of each trail stays, whatever its age: it tells how far the trail has got into the table. Errors:
// client, unavailable.
[[nodiscard]] Result<std::uint64_t> prune_audit_events(Database& database, UnixMillis before);

}  // namespace gerve

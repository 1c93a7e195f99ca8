// The logins that the table of audit events has, for lists of who would be affected by a change.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "gerve/cli/audit_view.h"

namespace gerve {

class Site;

// Since when such a list looks at logins: 90 days ago, unless told otherwise.
[[nodiscard]] UnixMillis window_begin(const std::optional<UnixMillis>& since);

// The body of an event, or an empty object.
[[nodiscard]] AuditJson parse_event(const std::string& body);

// See read_kinds_of_logins(); of keys that the directory knew alone. Stops where the events cannot be read.
[[nodiscard]] std::vector<AuditJson> read_recorded_logins(Site& site, UnixMillis since);

// Why the table does not have every login since then; empty if it has. Stops where it cannot be read.
[[nodiscard]] std::string why_logins_unknown(Site& site, UnixMillis since);

}  // namespace gerve

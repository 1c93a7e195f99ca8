// The logins that the table of audit events has, for lists of who would be affected by a change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "gerve/cli/audit_view.h"

namespace gerve {

class Site;

// How far back such a list looks, unless told otherwise.
constexpr std::string_view usual_window = "90d";

// The body of an event, or an empty object.
[[nodiscard]] AuditJson parse_event(const std::string& body);

// See read_kinds_of_logins(); of keys that the directory knew alone. Stops where the events cannot be read.
[[nodiscard]] std::vector<AuditJson> read_recorded_logins(Site& site, UnixMillis since);

// Why the table does not have every login since then; empty if it has. Stops where it cannot be read.
[[nodiscard]] std::string why_logins_unknown(Site& site, UnixMillis since);

}  // namespace gerve

// What a configuration says of the audit trail, as the trail's own settings.
#pragma once

#include "authz/audit/trail.h"
#include "authz/config.h"

namespace gerve {

// Asks the system for the host's name when the configuration gives none.
[[nodiscard]] TrailSettings audit_trail_of(const Config& config);

}  // namespace gerve

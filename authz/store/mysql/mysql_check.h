// What `gerve check` says about a MySQL or MariaDB server: every way in which a lookup or a command would
// fail there, and what mends it.
#pragma once

#include "authz/config.h"
#include "authz/store/finding.h"

namespace gerve {

// Reaches each host of directory.mysql.uri as authz would, and one with the administrative account. Changes
// nothing: what writes is prepared and not run. For tables of another program, the configured statements are
// looked at instead of the schema.
[[nodiscard]] Findings check_mysql(const Config& config);

}  // namespace gerve

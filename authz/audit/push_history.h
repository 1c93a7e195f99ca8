// What the table of audit events tells of the pushes to a repository.
#pragma once

#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

// The events `push` of a repository, as JSON, the latest first; at most `most`. `name` is OWNER/NAME as the
// events spell it. Errors: client, unavailable.
[[nodiscard]] Result<std::vector<std::string>> read_push_events(Database& database, const std::string& name,
                                                                UnixMillis since, std::size_t most);

}  // namespace gerve

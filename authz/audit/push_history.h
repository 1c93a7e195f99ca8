// What the table of audit events tells of the pushes to a repository.
#pragma once

#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/store/database.h"

namespace gerve {

struct PushPage {
    UnixMillis since = 0;
    std::size_t most = 100;   // events
    std::size_t skipped = 0;  // events before this page
};

// The events `push` of a repository, as JSON, the latest first. `name` is OWNER/NAME as the events spell it.
// Errors: client, unavailable.
[[nodiscard]] Result<std::vector<std::string>> read_push_events(Database& database, const std::string& name,
                                                                const PushPage& page);

}  // namespace gerve

// What runs now, asked of the running authz.
#pragma once

#include <optional>
#include <vector>

#include "authz/config.h"
#include "authz/wire/live_protocol.h"
#include "gerve/cli/command.h"
#include "gerve/cli/output.h"

namespace gerve {

// Errors: those of AuthzClient.
[[nodiscard]] Result<std::vector<LiveRecord>> try_list_live(const Config& config,
                                                            const std::optional<LiveChoice>& choice);
// Stops when authz does not run, or does not answer this user.
[[nodiscard]] std::vector<LiveRecord> list_live(const Config& config,
                                                const std::optional<LiveChoice>& choice);
[[nodiscard]] std::uint64_t kill_live(const Config& config, const LiveChoice& choice);  // how many

// Leaves out the connections on which an operation runs.
[[nodiscard]] std::vector<LiveRecord> without_busy_connections(std::vector<LiveRecord> records);

[[nodiscard]] Json live_json(const LiveRecord& record);

}  // namespace gerve

// The ticket keys of a configuration, read from their files.
#pragma once

#include <vector>

#include "authz/config.h"
#include "authz/model/ticket.h"

namespace gerve {

// At least one; the first signs. The embedded default's own file is made (0600) when it is missing, by one
// process however many try. Error: internal, naming the file and the remedy.
[[nodiscard]] Result<std::vector<TicketKey>> load_ticket_keys(const Config& config);

}  // namespace gerve

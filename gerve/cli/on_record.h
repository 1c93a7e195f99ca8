// Commands that change something, on the record: none of them does its work where it cannot be recorded.
#pragma once

#include <string>

#include "gerve/cli/command.h"

namespace gerve {

// Runs a command and records it, whether it was done or refused. authz writes the event when it answers;
// while it does not run, this process appends to the trail itself. Stops before the command when neither can.
// `command`: its full name, "key add".
[[nodiscard]] int run_on_record(Site& site, const std::string& command, const Run& run);

}  // namespace gerve

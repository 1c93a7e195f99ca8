// What a process that reads bytes from outside gives up before it reads the first.
#pragma once

#include <string>

#include "authz/base/result.h"

namespace gerve {

// Becomes that system user, if one is named, without any capability. Error: internal.
[[nodiscard]] Result<void> give_up_rights(const std::string& user);

// Leaves an allow-list of system calls: no other program, no look into other processes, no new listening
// socket, no change to a file; and no core file. Holds for this thread and those it starts. Error: internal.
[[nodiscard]] Result<void> confine();

}  // namespace gerve

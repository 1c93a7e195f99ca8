// Hardening of a process that has secrets in its memory.
#pragma once

#include "authz/base/result.h"

namespace gerve {

// Forbids core files, debuggers of the same user, and rights that a program started by it could gain
// (set-user-ID, file capabilities); for good. Tries each, whichever fails. Error: internal.
[[nodiscard]] Result<void> harden_process();

}  // namespace gerve

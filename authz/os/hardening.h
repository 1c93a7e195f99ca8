// What a process with secrets in its memory gives up at its start.
#pragma once

#include "authz/base/result.h"

namespace gerve {

// No core file, no debugger of the same user, and no right that a program which it starts could gain
// (set-user-ID, file capabilities). Not undone by anything. Error: internal.
[[nodiscard]] Result<void> harden_process();

}  // namespace gerve

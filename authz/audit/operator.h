// Who sits behind a process that changes the directory.
#pragma once

#include <sys/types.h>

#include <string>

namespace gerve {

// Who had logged in to start it, before any su or sudo, by the kernel's audit of logins; empty where that is
// not kept. Looked up by the process id, so ask while the process waits for the answer.
[[nodiscard]] std::string login_of(pid_t process);

}  // namespace gerve

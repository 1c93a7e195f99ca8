// Who sits behind a process that changes the directory.
#pragma once

#include <sys/types.h>

#include <string>

namespace gerve {

// Whoever had logged in to start it, before any su or sudo, by the kernel's audit of logins; empty where that
// is not kept. Sought by the process id, so ask while the process waits for the answer.
[[nodiscard]] std::string login_of(pid_t process);

[[nodiscard]] std::string find_user(uid_t user);  // his name; empty: the system does not know him
// A user's name, or "uid N" of one without.
[[nodiscard]] std::string name_of_user(uid_t user);

}  // namespace gerve

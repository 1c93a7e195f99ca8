// SshdSession: the sshd connection that a forced command runs under, by the kernel's word for its ancestors.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

namespace gerve {

// sshd has two processes for each connection: one of root's, from the connection on, and below it one of the
// account's, from the login on, which starts every forced command of the connection.
struct SshdSession {
    std::chrono::milliseconds since_connection;  // how long ago root's process was started
    std::chrono::milliseconds since_login;       // how long ago the account's process was started
};

// The nearest ancestor that is root's, and its child on the way. Nothing where /proc does not tell: another
// PID namespace, hidepid, no such process.
[[nodiscard]] std::optional<SshdSession> find_sshd_session(pid_t process);

// Whether a handle of this age was made for the login of that session: the account's process was started
// soon after it, and root's not long before it. A process of the account outside of sshd descends from
// something that root started at another time.
[[nodiscard]] bool began_with_handle(const SshdSession& session, std::chrono::milliseconds handle_age);

}  // namespace gerve

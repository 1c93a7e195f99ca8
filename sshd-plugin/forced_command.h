// What gerve-shell was started with: its command line, and the little of its environment that counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/base/result.h"

namespace gerve::sshd {

// As gerve-authorized-keys wrote it.
struct Invocation {
    std::string socket;  // of authz
    std::string notice;  // the operator's notice file, or empty
    std::string handle;
};

// `[--socket PATH] [--notice FILE] HANDLE`, or, where gerve-shell is the account's login shell, the same as
// one word behind "-c" with the program's own name in front, as sshd hands a forced command to a shell.
// Errors: client.
[[nodiscard]] Result<Invocation> parse_invocation(const std::vector<std::string>& arguments);

// As sshd set them; unchecked bytes of a client but for the address.
struct ClientRequest {
    std::optional<std::string> command;  // SSH_ORIGINAL_COMMAND; nothing: a shell was asked for
    std::string git_protocol;            // GIT_PROTOCOL
    std::string address;                 // first word of SSH_CONNECTION, or empty
    // One for all sessions of a connection: SSH_CONNECTION, and the process of sshd that serves it.
    std::string connection;
};

// Takes them out of the environment and empties it: nothing a client sets has an effect further down.
[[nodiscard]] ClientRequest take_environment();

// Whatever comes: no new privileges, no core file, no reading by others; the end of the parent is heard as
// SIGHUP.
void confine_process();

}  // namespace gerve::sshd

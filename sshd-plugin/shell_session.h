// One session behind sshd, from the forced command's start to its exit status.
#pragma once

#include "sshd-plugin/forced_command.h"

namespace gerve::sshd {

// Serves the client on descriptors 0, 1 and 2; returns the exit status it gets.
[[nodiscard]] int serve_client(const Invocation& invocation, const ClientRequest& request);

}  // namespace gerve::sshd

// What a process gives up of the rights that it was started with: its user, and its capabilities.
#pragma once

#include <string>

#include "authz/base/result.h"

namespace gerve {

// Becomes that system user; does nothing when `user` is empty or is the user already. Needs root, or the
// capabilities CAP_SETUID and CAP_SETGID. Error: internal, also when the process may not.
[[nodiscard]] Result<void> become(const std::string& user);

// Gives up every capability (capabilities(7)), the ambient ones included, so that neither this process nor a
// program that it starts has one. Root keeps its own: it would regain them with the next program. Error:
// internal.
[[nodiscard]] Result<void> drop_capabilities();

}  // namespace gerve

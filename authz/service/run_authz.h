// The authz process.
#pragma once

#include <optional>

#include "authz/base/fd.h"
#include "authz/config.h"

namespace gerve {

// Runs until SIGTERM (or SIGINT, when no master is there), or until `control` ends: the master is gone.
// `listener` is a bound socket of the master's; without one, config.authz_socket() is bound. "ready" is
// written to `control` once questions are answered. SIGHUP opens the audit file anew. `metrics`: a
// shared page to count in (authz/os/shared_page.h). Returns the exit status.
[[nodiscard]] int run_authz(const Config& config, std::optional<Fd> listener, std::optional<Fd> control,
                            const Fd& metrics = Fd());

}  // namespace gerve

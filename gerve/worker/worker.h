// The worker process: one event loop that carries thousands of SSH sessions.
#pragma once

#include <vector>

#include "authz/base/fd.h"
#include "authz/config.h"

namespace gerve {

struct WorkerSockets {
    std::vector<Fd> listeners;      // bound and listening, shared with the other workers
    std::vector<Fd> git_listeners;  // likewise, for git://
    Fd control;  // SOCK_SEQPACKET to the master: "ready" is sent on it, maintenance is told (maintenance.h);
                 // its end is the master's
    Fd metrics;  // a shared page to count in (shared_page.h), or none
};

// Runs until SIGTERM (drain: accept no more, let sessions end) or until the master is gone; returns the exit
// status.
[[nodiscard]] int run_worker(const Config& config, WorkerSockets sockets);

}  // namespace gerve

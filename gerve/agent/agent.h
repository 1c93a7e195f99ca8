// gerve-agent as a function: serves git operations on this machine's repositories until it is told to stop.
#pragma once

#include <functional>
#include <vector>

#include "authz/base/fd.h"
#include "gerve/agent/agent_config.h"

namespace gerve {

struct AgentSockets {
    std::vector<Fd> listeners;  // inherited; if there are any, the configuration's `listen` is not opened
    Fd control;                 // SOCK_SEQPACKET to a master: "ready" is sent on it; its end means drain
};

// Runs until SIGTERM, SIGINT or the end of the control socket, and then until the last operation is over (a
// second signal ends them). SIGHUP calls `reload` and puts its result in force. Returns the exit status: 0
// after draining, 1 when it cannot serve, 2 for a configuration that cannot work.
[[nodiscard]] int run_agent(AgentConfig config, AgentSockets sockets,
                            std::function<ConfigResult<AgentConfig>()> reload);

}  // namespace gerve

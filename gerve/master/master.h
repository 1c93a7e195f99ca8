// The master process: holds the listening sockets, starts and reaps the others, reloads, drains.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "authz/base/problem.h"
#include "authz/base/result.h"
#include "authz/config.h"
#include "gerve/master/crew.h"

namespace gerve {

struct MasterOptions {
    // Reads the configuration: at the start, and again on each SIGHUP.
    std::function<tl::expected<Config, std::vector<ConfigProblem>>()> load;
    // Makes what a configuration needs in the state directory, before anything is started with it.
    std::function<Result<void>(const Config&)> prepare;
    // Called once, when everybody is ready, with the addresses that are listened at.
    std::function<void(const Config&, const std::vector<ListenAddress>&)> announce;
    // Called about once a second while the gateway serves; may be empty.
    std::function<void()> look;
    Programs programs;
};

// Runs until SIGTERM or SIGINT and returns the exit status: 0 after an orderly end, 1 when it could not
// start, 2 when the configuration is wrong. Problems go to stderr.
//
//   SIGHUP           reads the configuration again. A new crew is started with it, from the binary that is
//                    there now; when all of it is ready, the old crew is asked to finish. If anything is
//                    wrong, the old crew stays and the log says why.
//   SIGTERM          no new connections; sessions may finish for ssh.drain_timeout
//   SIGUSR1          the machine is shutting down: from then on, or from the SIGTERM that follows,
//                    ssh.shutdown_timeout is all the time there is
//   a second one, or SIGINT in the embedded default: the end, at once
[[nodiscard]] int run_master(const MasterOptions& options);

}  // namespace gerve

// The git:// door: fetching public repositories, for everybody and without a login.
#pragma once

#include <asio/awaitable.hpp>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "gerve/worker/worker_context.h"

namespace gerve {

// Serves the connection until it ends. `peer` is its other end: the client, or a balancer that says for whom
// it connects.
asio::awaitable<void> serve_git_connection(WorkerContext& worker, Fd socket, IpAddress peer);

}  // namespace gerve

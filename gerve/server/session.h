// One SSH connection from its first byte to its last: the way of the data, told in order.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "authz/base/fd.h"
#include "authz/config.h"
#include "gerve/relay/file_servers.h"
#include "gerve/relay/live_link.h"
#include "gerve/relay/scratch.h"
#include "gerve/server/accounts.h"
#include "gerve/server/admission.h"
#include "gerve/server/authz_link.h"
#include "gerve/server/balancer.h"
#include "gerve/server/gateway_metrics.h"
#include "gerve/server/login_budget.h"
#include "gerve/server/refusals.h"
#include "gerve/ssh/connection.h"
#include "gerve/ssh/server_identity.h"

namespace gerve {

// What all sessions of one worker share. Outlives them.
struct WorkerContext {
    asio::io_context& loop;
    const SshConfig& config;
    const AnonymousConfig& anonymous_config;
    ssh::ServerIdentity identity;
    AuthzLink authz;
    Refusals refusals;  // reported by authz, which comes before it
    LiveLink live;
    UnauthenticatedLimit unauthenticated;
    LoginBudget login_budget;
    UnauthenticatedLimit anonymous;  // running operations of git://
    Accounts accounts;
    Balancers balancers;
    FileServers file_servers;
    Scratch scratch;
    std::string notice;       // lines for every git client, or empty
    std::string maintenance;  // lines for every client in place of any service; empty: it is off
    GatewayMetrics& metrics;
    WorkerNumbers& numbers;  // this worker's own
    std::unordered_set<ssh::Connection*> connections;
    unsigned git_connections = 0;  // of git://
    bool draining = false;
};

// Serves the connection until it ends. `peer` is its other end: the client, or a balancer that says for whom
// it connects.
asio::awaitable<void> serve_connection(WorkerContext& worker, Fd socket, IpAddress peer);

}  // namespace gerve

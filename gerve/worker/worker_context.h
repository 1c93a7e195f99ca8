// WorkerContext: what all connections of one worker share.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "authz/base/fd.h"
#include "authz/config.h"
#include "gerve/loop/deadline.h"
#include "gerve/metrics/gateway_metrics.h"
#include "gerve/relay/authz_link.h"
#include "gerve/relay/file_servers.h"
#include "gerve/relay/live_link.h"
#include "gerve/relay/scratch.h"
#include "gerve/ssh/connection.h"
#include "gerve/ssh/server_identity.h"
#include "gerve/worker/accounts.h"
#include "gerve/worker/balancer.h"
#include "gerve/worker/connection_limit.h"
#include "gerve/worker/login_budget.h"
#include "gerve/worker/refusals.h"

namespace gerve {

// Outlives the connections.
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
    Deadline host_keys_told_again{};  // when a login has the announced host keys recorded once more
};

}  // namespace gerve

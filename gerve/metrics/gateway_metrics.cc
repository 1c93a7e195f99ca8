#include "gerve/metrics/gateway_metrics.h"

#include <signal.h>

#include <cerrno>

namespace gerve {

bool is_alive(const WorkerNumbers& worker) {
    const std::int32_t pid = worker.pid.load();
    return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

namespace {

// The row of that name, or a free one, which takes it; null when there is neither.
template <class Row, std::size_t n>
Row* find_row(std::array<Row, n>& rows, const std::string& name) {
    for (Row& row : rows) {
        std::uint32_t free = 0;
        if (name.size() < row.name.size() && row.state.compare_exchange_strong(free, 1)) {
            name.copy(row.name.data(), row.name.size() - 1);
            row.state = 2;
            return &row;
        }
        // One that is being named by another worker this very moment may get a second row: they are added up.
        if (row.state == 2 && std::string_view(row.name.data()) == name) return &row;
    }
    return nullptr;
}

}  // namespace

UpstreamNumbers& GatewayMetrics::upstream(const ServerName& server) {
    UpstreamNumbers* row = find_row(upstreams, server.text());
    return row != nullptr ? *row : other_upstreams;
}

EndpointNumbers& GatewayMetrics::endpoint(const ServerName& server, const Endpoint& endpoint) {
    EndpointNumbers* row = find_row(endpoints, server.text() + " " + endpoint.text());
    return row != nullptr ? *row : other_endpoints;
}

void GatewayMetrics::count_attempt(const EndpointAttempt& attempt) {
    EndpointNumbers& row = endpoint(attempt.server, attempt.endpoint);
    row.attempts[static_cast<std::size_t>(attempt.result)].add();
    row.up.set(attempt.result == Health::serving ? 1 : 0);
    if (attempt.probe) return;
    UpstreamNumbers& numbers = upstream(attempt.server);
    (attempt.served ? numbers.reached : numbers.failed).add();
    if (attempt.served) numbers.connect_time.observe(attempt.time);
}

WorkerNumbers& GatewayMetrics::claim_worker() {
    static WorkerNumbers nobody_sees;
    for (WorkerNumbers& row : workers) {
        std::int32_t pid = row.pid.load();
        if (pid != 0 && is_alive(row)) continue;
        if (!row.pid.compare_exchange_strong(pid, ::getpid())) continue;
        for (Gauge* gauge : {&row.connections, &row.unauthenticated, &row.awaiting_header, &row.sessions})
            gauge->set(0);
        return row;
    }
    return nobody_sees;
}

}  // namespace gerve

#include "gerve/server/gateway_metrics.h"

#include <signal.h>

#include <cerrno>

namespace gerve {

bool is_alive(const WorkerNumbers& worker) {
    const std::int32_t pid = worker.pid.load();
    return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

UpstreamNumbers& GatewayMetrics::upstream(const ServerName& server) {
    for (UpstreamNumbers& row : upstreams) {
        std::uint32_t free = 0;
        if (row.state.compare_exchange_strong(free, 1)) {
            server.text().copy(row.name.data(), row.name.size() - 1);
            row.state = 2;
            return row;
        }
        // One that is being named by another worker this very moment may get a second row: they are added up.
        if (row.state == 2 && std::string_view(row.name.data()) == server.text()) return row;
    }
    return other_upstreams;
}

WorkerNumbers& GatewayMetrics::claim_worker() {
    static WorkerNumbers nobody_sees;
    for (WorkerNumbers& row : workers) {
        std::int32_t pid = row.pid.load();
        if (pid != 0 && is_alive(row)) continue;
        if (!row.pid.compare_exchange_strong(pid, ::getpid())) continue;
        for (Gauge* gauge : {&row.connections, &row.unauthenticated, &row.sessions}) gauge->set(0);
        return row;
    }
    return nobody_sees;
}

}  // namespace gerve

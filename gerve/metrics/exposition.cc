#include "gerve/metrics/exposition.h"

#include "authz/base/version.h"
#include "gerve/metrics/page.h"

namespace gerve {
namespace {

void show_connections(Page& page, const GatewayMetrics& gateway) {
    page.counter("gerve_connections_accepted_total", "SSH connections accepted", {}, gateway.accepted);
    page.counter("gerve_git_connections_accepted_total", "git:// connections accepted", {},
                 gateway.accepted_git);
    constexpr std::array<std::string_view, 7> limits{"unauthenticated",
                                                     "unauthenticated_per_source",
                                                     "none",
                                                     "proxy_header",
                                                     "awaiting_header",
                                                     "anonymous",
                                                     "login_cpu"};
    for (std::size_t i = 0; i < limits.size(); ++i) {
        page.counter("gerve_connections_refused_total",
                     "Connections refused, by the limit that they exceeded", {{"limit", word(limits, i)}},
                     gateway.refused[i]);
    }
    constexpr std::array<std::string_view, 3> refusals{"abandoned", "malformed", "maintenance"};
    for (std::size_t i = 0; i < refusals.size(); ++i) {
        page.counter("gerve_git_requests_refused_total", "git:// connections that never became an operation",
                     {{"reason", word(refusals, i)}}, gateway.refused_git[i]);
    }
    std::int64_t connections = 0, unauthenticated = 0, awaiting = 0, sessions = 0, workers = 0;
    for (const WorkerNumbers& worker : gateway.workers) {
        if (!is_alive(worker)) continue;
        ++workers;
        connections += worker.connections.value();
        unauthenticated += worker.unauthenticated.value();
        awaiting += worker.awaiting_header.value();
        sessions += worker.sessions.value();
    }
    page.gauge("gerve_workers", "Worker processes that are running", {}, workers);
    page.gauge("gerve_connections", "Open SSH connections", {}, connections);
    page.gauge("gerve_connections_unauthenticated", "Open SSH connections that have not logged in", {},
               unauthenticated);
    page.gauge("gerve_connections_awaiting_header",
               "Connections of balancers that have not sent their PROXY header", {}, awaiting);
    page.gauge("gerve_sessions", "Running git operations", {}, sessions);
}

void show_refused_attempts(Page& page, const GatewayMetrics& gateway) {
    const std::string name = "gerve_login_attempts_refused_total";
    for (std::size_t i = 1; i < gateway.refused_attempts.size(); ++i) {
        const std::string_view reason = i == GatewayMetrics::wrong_login ? "login-name"
                                        : i == GatewayMetrics::unknown_key
                                            ? "unknown-key"
                                            : ssh::name_of(static_cast<ssh::Refusal>(i));
        page.counter(name, "Login attempts refused, by reason", {{"reason", std::string(reason)}},
                     gateway.refused_attempts[i]);
    }
}

void show_ends(Page& page, const GatewayMetrics& gateway) {
    for (std::size_t i = 1; i < end_reason_count; ++i) {
        const std::string reason(ssh::name_of(static_cast<ssh::EndReason>(i)));
        for (const bool known : {false, true}) {
            page.counter("gerve_connections_ended_total", "SSH connections that ended, by reason",
                         {{"reason", reason}, {"logged_in", known ? "yes" : "no"}},
                         gateway.connection_ends[i][known ? 1 : 0]);
        }
    }
}

void show_logins(Page& page, const GatewayMetrics& gateway) {
    constexpr std::array<std::string_view, 4> results{"accepted", "authz_away", "abandoned", "maintenance"};
    for (std::size_t i = 0; i < results.size(); ++i) {
        page.counter("gerve_logins_total", "Logins, by result", {{"result", word(results, i)}},
                     gateway.logins[i]);
    }
    show_refused_attempts(page, gateway);
    page.counter("gerve_keys_refused_total", "Keys offered that are not known", {}, gateway.refused_keys);
    for (std::size_t i = 0; i < gateway.by_key_exchange.size(); ++i) {
        page.counter("gerve_key_exchanges_total", "Connections that logged in, by key exchange algorithm",
                     {{"algorithm", GatewayMetrics::key_exchange_word(i)}}, gateway.by_key_exchange[i]);
    }
}

void show_operations(Page& page, const GatewayMetrics& gateway) {
    for (std::size_t service = 0; service < GatewayMetrics::service_count; ++service) {
        const std::string name(GatewayMetrics::service_word(service));
        for (std::size_t end = 0; end < operation_end_names.size(); ++end) {
            page.counter("gerve_git_operations_total", "Git operations that ended, by service and end",
                         {{"service", name}, {"end", word(operation_end_names, end)}},
                         gateway.operations[service][end]);
        }
        page.times("gerve_git_operation_seconds", "Time from a git command to its exit status",
                   {{"service", name}}, gateway.operation_times[service]);
    }
    for (std::size_t outcome = 0; outcome < push_outcome_names.size(); ++outcome)
        page.counter("gerve_pushes_total", "Pushes that ended, by what became of their refs",
                     {{"outcome", word(push_outcome_names, outcome)}}, gateway.pushes[outcome]);
    const std::string help = "Bytes of git operations that ended, as seen by the gateway";
    page.counter("gerve_git_bytes_total", help, {{"direction", "in"}}, gateway.bytes_in);
    page.counter("gerve_git_bytes_total", help, {{"direction", "out"}}, gateway.bytes_out);
    const std::string waited = "Time a worker waited for authz";
    page.times("gerve_authz_wait_seconds", waited, {{"question", "key"}}, gateway.question_times[0]);
    page.times("gerve_authz_wait_seconds", waited, {{"question", "authorize"}}, gateway.question_times[1]);
}

void show_upstream(Page& page, const std::string& server, const UpstreamNumbers& numbers) {
    const std::string help = "Attempts to reach an endpoint of a file server";
    page.counter("gerve_upstream_connects_total", help, {{"server", server}, {"result", "reached"}},
                 numbers.reached);
    page.counter("gerve_upstream_connects_total", help, {{"server", server}, {"result", "failed"}},
                 numbers.failed);
    page.times("gerve_upstream_connect_seconds", "Time from connecting to the OPEN_OK of the agent",
               {{"server", server}}, numbers.connect_time);
}

// The name of a row, which a worker wrote: cut at its end, whatever it is.
template <std::size_t n>
std::string_view name_in(const std::array<char, n>& name) {
    const auto end = std::find(name.begin(), name.end(), '\0');
    return {name.data(), static_cast<std::size_t>(end - name.begin())};
}

// Names come from workers, so they are checked. The first row of a name is shown.
void show_upstreams(Page& page, const GatewayMetrics& gateway) {
    std::map<std::string, const UpstreamNumbers*> rows;
    for (const UpstreamNumbers& row : gateway.upstreams) {
        if (row.state != 2) continue;
        const auto name = ServerName::parse(name_in(row.name));
        if (name) rows.try_emplace(name->text(), &row);
    }
    for (const auto& [name, row] : rows) show_upstream(page, name, *row);
    if (gateway.other_upstreams.reached.value() + gateway.other_upstreams.failed.value() > 0) {
        show_upstream(page, "(others)", gateway.other_upstreams);
    }
}

void show_endpoints(Page& page, const GatewayMetrics& gateway) {
    constexpr std::array<std::string_view, 3> results{"serving", "refusing", "silent"};  // of Health
    for (const EndpointNumbers& row : gateway.endpoints) {
        if (row.state != 2) continue;
        const std::string_view name = name_in(row.name);
        const auto space = std::min(name.find(' '), name.size());
        const auto server = ServerName::parse(name.substr(0, space));
        const auto endpoint = Endpoint::parse(name.substr(std::min(space + 1, name.size())));
        if (!server || !endpoint) continue;
        const Labels labels{{"server", server->text()}, {"endpoint", endpoint->text()}};
        page.gauge("gerve_endpoint_up", "1 if the last use or probe of the endpoint succeeded", labels,
                   row.up.value());
        for (std::size_t i = 0; i < results.size(); ++i) {
            Labels with_result = labels;
            with_result.push_back({"result", word(results, i)});
            page.counter("gerve_endpoint_attempts_total", "Uses and probes of an endpoint, by result",
                         with_result, row.attempts[i]);
        }
    }
}

}  // namespace

std::string expose(const GatewayMetrics* gateway, const AuthzMetrics* authz, bool maintenance) {
    Page page;
    if (gateway != nullptr) {
        show_connections(page, *gateway);
        show_ends(page, *gateway);
        show_logins(page, *gateway);
        show_operations(page, *gateway);
        show_upstreams(page, *gateway);
        show_endpoints(page, *gateway);
    }
    if (authz != nullptr) show_authz(page, *authz);
    page.gauge("gerve_maintenance", "1 while maintenance is on and nothing is served", {},
               maintenance ? 1 : 0);
    page.gauge("gerve_build_info", "Always 1",
               {{"version", std::string(version())}, {"commit", std::string(commit())}}, 1);
    return page.text();
}

}  // namespace gerve

#include "gerve/metrics/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <map>

#include "authz/base/version.h"

namespace gerve {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Page {
  public:
    void counter(const std::string& name, const std::string& help, Labels labels, const Counter& counter) {
        this->counter(name, help, std::move(labels), counter.value());
    }
    void counter(const std::string& name, const std::string& help, Labels labels, std::uint64_t value) {
        ClientMetric& metric = add(name, help, MetricType::Counter, std::move(labels));
        metric.counter.value = static_cast<double>(value);
    }
    void gauge(const std::string& name, const std::string& help, Labels labels, std::int64_t value) {
        ClientMetric& metric = add(name, help, MetricType::Gauge, std::move(labels));
        metric.gauge.value = static_cast<double>(value);
    }
    // `name` ends in _seconds.
    void times(const std::string& name, const std::string& help, Labels labels, const Histogram& histogram) {
        auto& shown = add(name, help, MetricType::Histogram, std::move(labels)).histogram;
        for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) {
            shown.sample_count += histogram.in_bucket(i);
            const double bound = i < Histogram::bounds.size()
                                     ? static_cast<double>(Histogram::bounds[i]) / 1e6
                                     : std::numeric_limits<double>::infinity();
            shown.bucket.push_back({shown.sample_count, bound});
        }
        shown.sample_sum = static_cast<double>(histogram.microseconds()) / 1e6;
    }
    [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

  private:
    // Metrics of one family stand together, in the order in which they come.
    ClientMetric& add(const std::string& name, const std::string& help, MetricType type, Labels labels) {
        const auto [place, is_new] = places_.try_emplace(name, families_.size());
        if (is_new) families_.push_back({name, help, type, {}});
        auto& metrics = families_[place->second].metric;
        metrics.emplace_back();
        metrics.back().label = std::move(labels);
        return metrics.back();
    }
    std::vector<MetricFamily> families_;
    std::map<std::string, std::size_t> places_;
};

template <std::size_t n>
std::string word(const std::array<std::string_view, n>& words, std::size_t i) {
    return std::string(words[i]);
}

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

void show_queries(Page& page, const AuthzMetrics& authz) {
    for (std::size_t i = 0; i < query_count; ++i) {
        const auto query = static_cast<Query>(i);
        const bool redis = query == Query::hint;
        const std::string name(query_name(redis ? Query::route : query));
        const std::string source = redis ? "redis" : "sql";
        for (const Answer answer : {Answer::found, Answer::missing, Answer::unavailable}) {
            page.counter("gerve_directory_queries_total", "Queries to the directory, by result",
                         {{"query", name}, {"result", std::string(answer_name(answer))}, {"source", source}},
                         authz.queries.of(query, answer));
        }
        page.times("gerve_directory_query_seconds", "Time of a query to the directory",
                   {{"query", name}, {"source", source}}, authz.queries.times(query));
    }
}

void show_questions(Page& page, const AuthzMetrics& authz) {
    constexpr std::array<std::string_view, answer_kind_count> results{"answered", "unavailable", "denied"};
    for (std::size_t i = 0; i < request_count; ++i) {
        for (std::size_t j = 0; j < results.size(); ++j) {
            page.counter("gerve_authz_questions_total", "Requests of workers and of sshd's helpers to authz",
                         {{"question", word(request_names, i)}, {"result", word(results, j)}},
                         authz.questions[i][j]);
        }
        page.times("gerve_authz_question_seconds", "Time authz took to answer a request",
                   {{"question", word(request_names, i)}}, authz.question_times[i]);
    }
    for (std::size_t i = 0; i < rule_count; ++i) {
        const auto rule = static_cast<Rule>(i);
        if (!can_deny(rule)) continue;
        page.counter("gerve_denials_total", "Git operations refused by policy, by rule",
                     {{"rule", std::string(rule_name(rule))}}, authz.denials[i]);
    }
    page.counter("gerve_authz_malformed_total", "Malformed messages to authz", {}, authz.malformed);
    page.counter("gerve_authz_expired_total",
                 "Requests to authz dropped because no client was waiting any longer", {}, authz.expired);
    page.counter("gerve_authz_stale_handles_total",
                 "Handles that were too old, so the key was looked up again", {}, authz.stale_handles);
}

void show_backends(Page& page, const AuthzMetrics& authz) {
    page.gauge("gerve_authz_threads", "Threads of authz that answer requests", {}, authz.threads.value());
    page.gauge("gerve_database_connections", "Threads of authz that have a connection to the database", {},
               authz.live_links.value());
    page.gauge("gerve_database_up",
               "1 while authz has a connection to the database, 0 while requests are refused at once", {},
               authz.live_links.value() > 0 ? 1 : 0);
    page.counter("gerve_database_connections_opened_total", "Connections opened to the database", {},
                 authz.links_opened);
    page.counter("gerve_database_connections_dropped_total",
                 "Connections to the database closed after an error", {}, authz.links_dropped);
    page.gauge("gerve_redis_up", "1 while Redis is queried for routes, 0 while it is skipped after a failure",
               {}, authz.redis.live.value());
    page.counter("gerve_redis_skipped_total", "Routes not queried in Redis because it was unreachable", {},
                 authz.redis.skipped);
    page.counter("gerve_redis_repaired_total", "Missing routes added to Redis", {}, authz.redis.repaired);
    page.counter("gerve_redis_repairs_refused_total", "Attempts to set a missing route that Redis refused",
                 {}, authz.redis.repairs_refused);
    page.counter("gerve_redis_odd_values_total", "Routes in Redis whose value is not a server name", {},
                 authz.redis.odd);
    page.counter("gerve_redis_connections_opened_total", "Connections opened to Redis", {},
                 authz.redis.connections);
    page.counter("gerve_redis_failures_total", "Connections to Redis that failed or could not be opened", {},
                 authz.redis.failures);
}

void show_live(Page& page, const LiveCounters& live) {
    page.gauge("gerve_live_sessions", "Operations and connections that authz watches", {},
               live.sessions.value());
    page.counter("gerve_live_sessions_withdrawn_total",
                 "Operations and connections ended because access was withdrawn", {}, live.withdrawn);
    page.counter("gerve_live_rechecks_total",
                 "Rounds that rechecked the access of live operations and connections", {}, live.rounds);
    page.counter("gerve_live_rechecks_unanswered_total",
                 "Rechecks of live access that stopped because the directory was unreachable", {},
                 live.unanswered_rounds);
}

void show_audit(Page& page, const AuditCounters& audit) {
    page.counter("gerve_audit_events_total", "Events written to the audit file", {}, audit.events);
    page.counter("gerve_audit_write_failures_total", "Failed writes to the audit file", {},
                 audit.write_failures);
    page.gauge("gerve_audit_failing", "1 while the audit file cannot be written and pushes are refused", {},
               audit.failing.value());
    page.gauge("gerve_audit_waiting_events", "Events kept in memory because the audit file cannot be written",
               {}, audit.waiting.value());
    page.counter("gerve_audit_lost_events_total", "Events lost because memory for waiting events was full",
                 {}, audit.lost);
    page.counter("gerve_audit_left_out_events_total",
                 "Events of unauthenticated clients that were counted instead of written one by one", {},
                 audit.left_out);
    page.counter("gerve_audit_unrecorded_pushes_total", "Pushes refused because they could not be recorded",
                 {}, audit.unrecorded);
    page.counter("gerve_audit_syncs_total", "Times the audit file was synced to the disk", {}, audit.syncs);
    page.counter("gerve_audit_sync_failures_total", "Syncs of the audit file that failed", {},
                 audit.sync_failures);
    page.counter("gerve_audit_rows_total", "Events inserted into the table audit_events", {}, audit.rows);
    page.counter("gerve_audit_row_failures_total",
                 "Batches of events that the database refused; they are retried", {}, audit.row_failures);
    page.counter("gerve_audit_row_gaps_total", "Events missing from the table that are no longer in any file",
                 {}, audit.row_gaps);
    page.gauge("gerve_audit_table_lag_bytes", "Bytes of the audit file that are not in the table yet", {},
               audit.row_backlog.value());
    page.counter("gerve_last_use_failures_total",
                 "Failed attempts to write last uses of keys to the database", {}, audit.last_use_failures);
    page.gauge("gerve_last_uses_waiting", "Keys whose last use is not in the table yet", {},
               audit.last_uses_waiting.value());
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
    if (authz != nullptr) {
        show_queries(page, *authz);
        show_questions(page, *authz);
        show_backends(page, *authz);
        show_audit(page, authz->audit);
        show_live(page, authz->live);
    }
    page.gauge("gerve_maintenance", "1 while maintenance is on and nothing is served", {},
               maintenance ? 1 : 0);
    page.gauge("gerve_build_info", "Always 1",
               {{"version", std::string(version())}, {"commit", std::string(commit())}}, 1);
    return page.text();
}

}  // namespace gerve

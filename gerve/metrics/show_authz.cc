#include "gerve/metrics/page.h"

namespace gerve {
namespace {

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

void show_shadow(Page& page, const ShadowCounters& shadow) {
    for (std::size_t i = 0; i < compared_count; ++i) {
        page.counter("gerve_shadow_decisions_total",
                     "Decisions that were compared with those of the policy of [shadow], or could not be",
                     {{"result", word(compared_names, i)}}, shadow[i]);
    }
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

void show_authz(Page& page, const AuthzMetrics& authz) {
    show_queries(page, authz);
    show_questions(page, authz);
    show_backends(page, authz);
    show_audit(page, authz.audit);
    show_live(page, authz.live);
    show_shadow(page, authz.shadow);
}

}  // namespace gerve

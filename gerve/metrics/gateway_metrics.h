// What the workers count; see docs/metrics.md.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "authz/base/metrics.h"
#include "authz/ssh_algorithms.h"
#include "authz/wire/reports.h"
#include "gerve/relay/file_servers.h"
#include "gerve/ssh/ending.h"

namespace gerve {

// One file server's row; rows are taken in the order in which servers are met first.
struct UpstreamNumbers {
    std::atomic<std::uint32_t> state;  // 0 free, 1 being named, 2 named
    std::array<char, 65> name;         // NUL behind its end
    Counter reached;
    Counter failed;  // an endpoint that was not reached, or refused
    Histogram connect_time;
};

// One endpoint's row, taken likewise.
struct EndpointNumbers {
    std::atomic<std::uint32_t> state;  // as above
    std::array<char, 384> name;        // "SERVER ENDPOINT", NUL behind its end
    Gauge up;                          // 1: the last attempt of any worker was answered with service
    std::array<Counter, 3> attempts;   // of Health, sessions' and probes alike
};

// What is so now, of one worker; it goes with its process.
struct WorkerNumbers {
    std::atomic<std::int32_t> pid;  // 0: free
    Gauge connections;
    Gauge unauthenticated;
    Gauge awaiting_header;  // of a balancer
    Gauge sessions;
};

enum class ConnectionEnd {
    in_all,
    per_source,
    failed,
    proxy_header,
    awaiting_header,
    anonymous,
    cpu
};                                                                     // why a connection was refused
enum class LoginEnd { accepted, authz_away, abandoned, maintenance };  // authz_away: let in to be told so
enum class GitRefusal { abandoned, malformed, maintenance };  // before a git:// request became an operation
// Each end of an SSH connection, and each refused attempt to log in, by the names of ssh/ending.h.
constexpr std::size_t end_reason_count = static_cast<std::size_t>(ssh::EndReason::count);
constexpr std::size_t refusal_count = static_cast<std::size_t>(ssh::Refusal::count);
enum class WorkerQuestion { key, authorize };

// Lies in memory that all workers share with whoever shows it. A worker that goes wrong can falsify it, and
// nothing else: it is read as numbers and, where it is text, checked.
struct GatewayMetrics {
    static constexpr std::uint64_t layout = 4;
    static constexpr std::size_t service_count = service_rows.size() + 1;  // the last: what is none of them

    Counter accepted;
    Counter accepted_git;                                                  // of git://
    std::array<Counter, 7> refused;                                        // of ConnectionEnd
    std::array<Counter, 3> refused_git;                                    // of GitRefusal
    std::array<Counter, 4> logins;                                         // of LoginEnd
    std::array<std::array<Counter, 2>, end_reason_count> connection_ends;  // before and after the login
    std::array<Counter, refusal_count + 2> refused_attempts;               // of Refusal, and of the two below
    static constexpr std::size_t wrong_login = refusal_count;
    static constexpr std::size_t unknown_key = refusal_count + 1;
    Counter refused_keys;  // offers of a key that is not known, or for another user name
    std::array<Counter, known_key_exchanges.size() + 1> by_key_exchange;  // the last: any other
    std::array<std::array<Counter, operation_end_names.size()>, service_count> operations;
    std::array<Counter, push_outcome_names.size()> pushes;
    Counter bytes_in;  // of git operations that ended
    Counter bytes_out;
    std::array<Histogram, 2> question_times;  // of WorkerQuestion, as the worker waits for them
    std::array<Histogram, service_count> operation_times;
    std::array<UpstreamNumbers, 64> upstreams;
    UpstreamNumbers other_upstreams;  // when there are more
    std::array<EndpointNumbers, 128> endpoints;
    EndpointNumbers other_endpoints;
    std::array<WorkerNumbers, 256> workers;

    void count_refused(ConnectionEnd why) { refused[static_cast<std::size_t>(why)].add(); }
    void count_refused(GitRefusal why) { refused_git[static_cast<std::size_t>(why)].add(); }
    void count_end(ssh::EndReason reason, bool known) {
        connection_ends[static_cast<std::size_t>(reason)][known ? 1 : 0].add();
    }
    // `refusal`: of ssh::Refusal, wrong_login or unknown_key.
    void count_attempt(std::size_t refusal) { refused_attempts[refusal].add(); }
    void count_login(LoginEnd end) { logins[static_cast<std::size_t>(end)].add(); }
    void count_key_exchange(std::string_view name) {
        const auto* place = std::find(known_key_exchanges.begin(), known_key_exchanges.end(), name);
        by_key_exchange[static_cast<std::size_t>(place - known_key_exchanges.begin())].add();
    }
    void count_operation(const SessionReport& report) {
        const std::size_t service = place_of_service(report.service);
        operations[service][static_cast<std::size_t>(report.ended)].add();
        operation_times[service].observe(std::chrono::milliseconds(report.duration_ms));
        if (report.push) pushes[static_cast<std::size_t>(outcome_of(*report.push))].add();
        bytes_in.add(report.bytes_in);
        bytes_out.add(report.bytes_out);
    }
    [[nodiscard]] Histogram& times(WorkerQuestion question) {
        return question_times[static_cast<std::size_t>(question)];
    }
    [[nodiscard]] UpstreamNumbers& upstream(const ServerName& server);
    [[nodiscard]] EndpointNumbers& endpoint(const ServerName& server, const Endpoint& endpoint);
    void count_attempt(const EndpointAttempt& attempt);
    // A row for this process; that of a process which is gone is used again.
    [[nodiscard]] WorkerNumbers& claim_worker();

    [[nodiscard]] static std::string_view service_word(std::size_t place) {
        return place < service_rows.size() ? service_rows[place].name : "none";
    }
    [[nodiscard]] static std::string key_exchange_word(std::size_t place) {
        return place < known_key_exchanges.size() ? std::string(known_key_exchanges[place]) : "other";
    }

  private:
    [[nodiscard]] static std::size_t place_of_service(std::string_view name) {
        std::size_t place = 0;
        while (place < service_rows.size() && service_rows[place].name != name) ++place;
        return place;
    }
};

// Whether a row's process lives.
[[nodiscard]] bool is_alive(const WorkerNumbers& worker);

}  // namespace gerve

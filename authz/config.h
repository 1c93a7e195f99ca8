// The configuration of a gateway (gerve.toml) as one immutable value; every key is described in
// gerve.toml(5).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/audit_config.h"
#include "authz/base/enum_names.h"
#include "authz/base/problem.h"
#include "authz/base/result.h"
#include "authz/forge_config.h"
#include "authz/lfs_config.h"
#include "authz/log_config.h"
#include "authz/repositories_config.h"
#include "authz/upstream_config.h"

namespace gerve {

struct ListenConfig {
    std::vector<std::string> ssh{"127.0.0.1:2222"};
    std::vector<std::string> proxy_protocol_from;  // CIDR; a PROXY header is required from these and believed
    unsigned max_awaiting_header = 4096;           // of these, connections without a header yet, per worker
    std::string metrics;                           // empty: none
    std::vector<std::string> git;                  // git://, for everybody and read-only; empty: none
};

// The git:// listener.
struct AnonymousConfig {
    std::chrono::milliseconds request_timeout{10'000};  // from connecting to having said what is wanted
    unsigned max_sessions = 128;                        // at once, per worker
    unsigned max_sessions_per_source = 16;              // of these, per IPv4 address or IPv6 /64
    // In place of [upstream]'s: nobody can be asked who holds a git process for nothing here.
    OperationDeadlines deadlines{.idle = std::chrono::minutes(1), .duration = std::chrono::hours(2)};
};

struct SshConfig {
    std::vector<std::string> host_keys;          // empty: made in the state directory
    std::vector<std::string> host_certificates;  // OpenSSH certificates of some of them
    std::vector<std::string> logins{"git"};
    std::chrono::milliseconds login_grace{120'000};
    unsigned workers = 0;                            // 0: one per core; see worker_count()
    unsigned max_auth_tries = 64;                    // keys offered on one connection
    unsigned max_sessions = 16;                      // channels open at once on one connection
    unsigned max_unauthenticated = 8192;             // connections that have not logged in, per worker
    unsigned max_unauthenticated_per_source = 1024;  // of these, per IPv4 address or IPv6 /64, per worker
    std::uint64_t rekey_bytes = 0;                   // 0: the cipher's own limit
    std::string notice_file;                         // its text is shown to every git client; empty: none
    std::vector<std::string> ciphers;                // empty: the library's, strongest and fastest first
    std::vector<std::string> key_exchanges;          // likewise
    std::chrono::milliseconds idle_timeout{
        3'600'000};  // no byte either way on a connection without a session
    std::chrono::milliseconds drain_timeout{3'600'000};  // sessions that outlive SIGTERM this long are ended
    std::chrono::milliseconds shutdown_timeout{30'000};  // likewise, when the machine goes down (SIGUSR1)

    [[nodiscard]] unsigned worker_count() const;
};

struct MysqlConfig {
    std::string uri;
    std::string user;
    std::string password_file;
    std::string admin_user;  // for schema and administrative commands; empty: `user`
    std::string admin_password_file;
    std::string ca_file;
    std::map<std::string, std::string> queries;  // key, repository, permission, route
};

struct RedisConfig {
    std::string address;
    std::vector<std::string> sentinels;
    std::string master;
    std::string user;
    std::string password_file;
    std::string prefix = "route:";
    std::string ca_file;
};

struct AuthzConfig {
    std::string socket;  // empty: authz.sock in the state directory
    std::vector<std::string>
        ticket_keys;       // files; empty in the embedded default: made in the state directory
    unsigned threads = 0;  // 0: see gerve.toml(5)
    std::chrono::milliseconds deadline{400};   // a caller waits this long for an answer
    std::chrono::milliseconds recheck{2'000};  // live sessions are decided again so often
    // User names by which peers are known (SO_PEERCRED). The user that authz runs as may ask everything.
    std::string worker_user;
    std::string authorized_keys_user;
    std::string forced_command_user;
    std::vector<std::string> administrators{"root"};

    // Of the sockets of authz and of the embedded agent, for chmod(2): open once other users are expected at
    // them. authz knows its peers by SO_PEERCRED, and the agent by their tickets.
    [[nodiscard]] unsigned socket_mode() const {
        const bool others =
            !worker_user.empty() || !authorized_keys_user.empty() || !forced_command_user.empty();
        return others ? 0666 : 0600;
    }
};

// Where the directory is kept.
enum class Backend { sqlite, mysql };
constexpr std::array<std::string_view, 2> backend_names{"sqlite", "mysql"};

struct Config {
    std::string file;      // where it was read from; empty: embedded default
    std::string source;    // the text it was parsed from: what a child process parses again
    std::string state;     // directory, absolute
    bool embedded = true;  // no route to anything but the server `local`: master starts an agent of its own
    ListenConfig listen;
    SshConfig ssh;
    AnonymousConfig anonymous;
    Backend backend = Backend::sqlite;
    MysqlConfig mysql;
    std::optional<RedisConfig> redis;
    AuthzConfig authz;
    UpstreamConfig upstream;
    AuditConfig audit;
    RepositoriesConfig repositories;
    LfsConfig lfs;
    LogConfig log;
    std::optional<ForgeConfig> forge;  // the directory is its tables
    std::string shadow_file;           // another gerve.toml, whose policy is asked beside; empty: none

    // Keys, repositories and permissions are in Gerve's own tables.
    [[nodiscard]] bool has_own_tables() const { return mysql.queries.empty() && !forge; }
    [[nodiscard]] std::string authz_socket() const {
        return authz.socket.empty() ? state + "/authz.sock" : authz.socket;
    }
    [[nodiscard]] std::string audit_file() const {
        return audit.file.empty() ? state + "/audit.jsonl" : audit.file;
    }
    [[nodiscard]] std::string audit_key_file() const {
        return audit.key_file.empty() ? state + "/audit.key" : audit.key_file;
    }
    [[nodiscard]] std::string sqlite_file() const { return state + "/gerve.db"; }
    [[nodiscard]] std::string local_agent_socket() const { return state + "/agent.sock"; }
    [[nodiscard]] std::string local_agent_root() const { return state + "/repositories"; }
    [[nodiscard]] std::string local_ticket_key() const { return state + "/ticket.key"; }
    // The files of the ticket keys; the first signs.
    [[nodiscard]] std::vector<std::string> ticket_key_files() const {
        return authz.ticket_keys.empty() ? std::vector{local_ticket_key()} : authz.ticket_keys;
    }
};

// All problems are reported together: unknown keys, wrong types, values out of range, missing files that must
// exist. A relative file name in it starts at the directory of the file.
[[nodiscard]] tl::expected<Config, std::vector<ConfigProblem>> load_config(const std::string& file);
// The same from text in memory; no file that the text names is looked at. An empty name is the embedded
// default's: its state is ./gerve-state, that of a file without one /var/lib/gerve.
[[nodiscard]] tl::expected<Config, std::vector<ConfigProblem>> parse_config(const std::string& text,
                                                                            const std::string& name);

// The configuration for a command line: `-c FILE` or GERVE_CONFIG, else /etc/gerve/gerve.toml if it exists,
// else the embedded default in `state` (default ./gerve-state). An explicit --state overrides the file's.
struct ConfigChoice {
    std::string file;   // from -c, or empty
    std::string state;  // from --state, or empty
};
[[nodiscard]] tl::expected<Config, std::vector<ConfigProblem>> choose_config(const ConfigChoice& choice);

// A configuration with another state directory. The problem: a socket's path in it would be too long.
[[nodiscard]] tl::expected<Config, std::vector<ConfigProblem>> with_state(Config config,
                                                                          const std::string& state);

}  // namespace gerve

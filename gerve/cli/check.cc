#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "authz/audit/host_key_history.h"
#include "authz/base/clock.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/model/ticket.h"
#include "authz/os/unix_socket.h"
#include "authz/service/explain.h"
#include "authz/store/mysql/mysql_check.h"
#include "authz/store/open_database.h"
#include "authz/store/redis/redis_check.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite_file.h"
#include "gerve/cli/agent_call.h"
#include "gerve/cli/check_line.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/gateway_host_keys.h"
#include "gerve/cli/host_key_check.h"
#include "gerve/cli/local_user.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/sshd_surroundings.h"

namespace gerve {
namespace {

enum class EndpointState {
    serves,
    waits,  // it has accepted our ticket: on standby, draining or busy
    wrong,
};

class Check {
  public:
    explicit Check(Site& site) : site_(site), config_(site.config()) {}

    std::vector<CheckLine> run(bool config_only) {
        good("configuration",
             config_.file.empty() ? "embedded default, state in " + config_.state : config_.file);
        if (config_only) return std::move(findings_);
        check_host_key_files();
        check_ticket_key_files();
        check_directory();
        check_shadow();
        check_routes();
        check_servers();
        check_authz();
        return std::move(findings_);
    }

  private:
    void good(std::string what, std::string told) {
        findings_.push_back({std::move(what), std::move(told), 0});
    }
    void wrong(std::string what, std::string told, int status) {
        findings_.push_back({std::move(what), std::move(told), status});
    }

    // Nothing when it cannot be told, which is a finding.
    std::optional<bool> look_for(const std::string& what, const std::string& path) {
        const auto there = is_there(path);
        if (there) return *there;
        wrong(what, describe(there.error()) + "; run this as root, or as the user that runs Gerve",
              refused_status);
        return std::nullopt;
    }

    void check_host_key_files() {
        HostKeyCheck found = check_host_keys_of(config_);
        for (CheckLine& line : found.lines) findings_.push_back(std::move(line));
        host_keys_ = std::move(found.keys);
        host_keys_complete_ = found.complete;
    }

    void check_ticket_key_files() {
        if (config_.authz.ticket_keys.empty()) {
            const auto there = look_for("ticket keys", config_.local_ticket_key());
            if (!there) return;
            if (!*there) return good("ticket keys", "`gerve serve` makes one at its first start");
        }
        for (const std::string& file : config_.ticket_key_files()) {
            const auto content = read_secret_file(file);
            const auto key = content ? TicketKey::parse(*content) : Result<TicketKey>(pass_on(content));
            if (!key) {
                wrong("ticket keys", file + ": " + describe(key.error()), usage_status);
                continue;
            }
            if (!ticket_key_) ticket_key_.emplace(*key);
            const std::string hindrance = unreadable_for_authz(file);
            if (hindrance.empty()) {
                good("ticket keys", file + ": key " + to_hex(key->id()));
            } else {
                wrong("ticket keys", hindrance, usage_status);
            }
        }
    }

    // What root can read, the user that authz runs as perhaps cannot. Its socket belongs to that user.
    [[nodiscard]] std::string unreadable_for_authz(const std::string& file) const {
        const std::string owner = LocalUser::owner_of(config_.authz_socket());
        if (owner.empty()) return {};
        const CheckLine finding = check_ticket_key(file, owner);
        return finding.status == 0 ? std::string() : finding.told;
    }

    void check_directory() {
        if (config_.backend == Backend::mysql) return check_database_server();
        const auto there = look_for("directory", config_.sqlite_file());
        if (!there) return;
        const auto was_there = look_for("directory", sqlite_identity_file(config_.sqlite_file()));
        if (!was_there) return;
        if (!*there && !*was_there) {
            return wrong(
                "directory",
                config_.sqlite_file() + " does not exist: `gerve serve` or `gerve user add` creates it",
                refused_status);
        }
        const auto version = open_sqlite_directory();
        if (!version) return wrong("directory", describe(version.error()), refused_status);
        good("directory",
             "sqlite, " + config_.sqlite_file() + ", schema version " + std::to_string(*version) +
                 (*version < current_schema_version() ? ", brought up to date at the next start" : ""));
    }

    // The version of its schema.
    Result<int> open_sqlite_directory() {
        const auto connect = choose_database(config_, DatabaseUse::serve);
        if (!connect) return pass_on(connect);
        auto database = (*connect)();
        if (!database) return pass_on(database);
        const auto version = read_schema_version(**database);
        // Its tables are brought up to date by whoever opens them for writing.
        if (!version || *version < current_schema_version()) return version;
        if (auto checked = check_schema(**database); !checked) return pass_on(checked);
        if (auto listed = list_servers(**database); !listed) return pass_on(listed);
        return version;
    }

    void check_database_server() {
        const bool well = tell("directory", check_mysql(config_));
        // Servers of configured statements are known to these alone.
        if (!well || config_.mysql.queries.contains("route")) return;
        if (config_.forge) return list_forge_servers(*config_.forge);
        const auto connect = choose_database(config_, DatabaseUse::serve);
        auto database = connect ? (*connect)() : Result<std::unique_ptr<Database>>(pass_on(connect));
        const auto listed = database ? list_servers(**database) : Result<void>(pass_on(database));
        if (!listed) return wrong("directory", describe(listed.error()), refused_status);
        compare_with_other_gateways(**database);
    }

    // By what they had recorded with their clients' logins: each has its files for itself. A gateway that had
    // a login within a day has told what it announces at most an hour before.
    void compare_with_other_gateways(Database& database) {
        if (!host_keys_complete_)
            return good("host keys of gateways", "not compared: not all host keys here can be read");
        constexpr UnixMillis an_hour = 3600 * 1000;
        const UnixMillis since = unix_now() - 24 * an_hour;
        const auto proofs = read_gateway_proofs(database, since);
        if (!proofs) return good("host keys of gateways", "not compared: " + describe(proofs.error()));
        const auto announcements = read_announcements(database, since - 2 * an_hour);
        if (!announcements)
            return good("host keys of gateways", "not compared: " + describe(announcements.error()));
        for (CheckLine& line : compare_gateways(*proofs, *announcements, host_keys_))
            findings_.push_back(std::move(line));
    }

    void list_forge_servers(const ForgeConfig& forge) {
        const auto name = ServerName::parse(forge.server);
        if (!name) return;
        ServerRecord server{*name, {}};
        for (const std::string& text : forge.endpoints) {
            if (auto endpoint = Endpoint::parse(text)) server.endpoints.push_back(std::move(*endpoint));
        }
        servers_.push_back(std::move(server));
    }

    Result<void> list_servers(Database& database) {
        auto servers = Registry(database).list_servers();
        if (!servers) return pass_on(servers);
        servers_ = std::move(*servers);
        knows_servers_ = true;
        return {};
    }

    // Whether nothing of it is wrong.
    bool tell(const std::string& what, const Findings& findings) {
        bool well = true;
        for (const Finding& finding : findings) {
            const std::string told = finding.text + (finding.remedy.empty() ? "" : "; " + finding.remedy);
            switch (finding.grade) {
                case Finding::Grade::good: good(what, told); break;
                case Finding::Grade::warning: good(what, "warning: " + told); break;
                case Finding::Grade::wrong:
                    wrong(what, told, refused_status);
                    well = false;
                    break;
            }
        }
        return well;
    }

    // The gateway serves all the same, and compares nothing.
    void check_shadow() {
        if (config_.shadow_file.empty()) return;
        const auto shadow = load_shadow_config(config_);
        if (!shadow) return wrong("shadow", describe(shadow.error()), usage_status);
        if (!shadow->has_own_tables()) return (void)tell("shadow", check_mysql(*shadow));
        const auto connect = choose_database(*shadow, DatabaseUse::serve);
        auto database = connect ? (*connect)() : Result<std::unique_ptr<Database>>(pass_on(connect));
        if (!database) return wrong("shadow", describe(database.error()), refused_status);
        QueryCounters counters;
        Directory directory(**database, counters, embedded_route(config_));
        const auto answers = directory.answers();
        if (!answers) return wrong("shadow", describe(answers.error()), refused_status);
        good("shadow", config_.shadow_file + ": its directory answers");
    }

    void check_routes() {
        if (config_.redis) (void)tell("routes", check_redis(*config_.redis));
    }

    void check_servers() {
        if (const auto local = embedded_route(config_); local && servers_.empty())
            servers_.push_back({local->server, local->endpoints});
        if (knows_servers_ && servers_.empty())
            wrong("file servers",
                  "none is registered, so every git operation is refused: add one (gerve server add NAME "
                  "ENDPOINT), and set routes to it",
                  refused_status);
        for (const ServerRecord& server : servers_) check_server(server);
    }

    // One of an active/standby pair does not serve, as it should be; that none does is trouble.
    void check_server(const ServerRecord& server) {
        bool one_serves = false;
        bool one_waits = false;
        for (const Endpoint& endpoint : server.endpoints) {
            const auto state = check_endpoint(server.name, endpoint);
            one_serves = one_serves || state == EndpointState::serves;
            one_waits = one_waits || state == EndpointState::waits;
        }
        if (one_serves || !one_waits) return;
        wrong("file server " + server.name.text(),
              "none of its endpoints is serving; remove the standby file of one of them (gerve-agent(8), "
              "STANDBY), or wait until a draining agent has restarted",
              refused_status);
    }

    EndpointState check_endpoint(const ServerName& server, const Endpoint& endpoint) {
        const std::string what = "file server " + server.text();
        if (endpoint.kind() == Endpoint::Kind::git_daemon) {
            good(what, endpoint.text() + ": fetch only, not checked");
            return EndpointState::serves;
        }
        const auto connection = connect_to(endpoint);
        if (!connection) {
            wrong(what, describe(connection.error()) + "; " + remedy_for(endpoint), refused_status);
            return EndpointState::wrong;
        }
        const auto kept = ask_agent(*connection, question_for(server));
        if (!kept) {
            const std::string_view remedy =
                kept.error().kind == ErrorKind::client
                    ? "; compare name, ticket_keys and clock on that host with this machine's"
                    : "";
            wrong(what, endpoint.text() + ": " + describe(kept.error()).append(remedy), refused_status);
            return EndpointState::wrong;
        }
        good(what, endpoint.text() + " answers" + (kept->empty() ? "" : ": " + *kept));
        return kept->empty() ? EndpointState::serves : EndpointState::waits;
    }

    [[nodiscard]] std::string remedy_for(const Endpoint& endpoint) const {
        return endpoint.host() == config_.local_agent_socket() ? "is `gerve serve` running?"
                                                               : "is gerve-agent running on that host?";
    }

    [[nodiscard]] std::string question_for(const ServerName& server) const {
        Open open;
        open.service = Service::admin;
        open.owner = "gerve-check";
        open.storage_path = "gerve-check/nothing.git";
        open.request_id = RequestId::make().bytes();
        open.time = unix_now();
        open.nonce = random_bytes(16);
        open.audience = server.text();
        open.repo_id = 1ULL << 62;  // where no layout has anything
        open.admin = "size";
        return encode_open(open, ticket_key_ ? &*ticket_key_ : nullptr);
    }

    void check_authz() {
        const std::string path = config_.authz_socket();
        const auto address = UnixAddress::of(path);
        if (!address) return wrong("authz", describe(address.error()), usage_status);
        const Fd socket = make_unix_socket(UnixSocketType::packets);
        const bool connected = address->connect(socket) || errno == EAGAIN;  // its backlog is full
        if (connected) return good("authz", path + " answers");
        wrong("authz", errno_text("cannot reach " + path) + "; is `gerve serve` running?", refused_status);
    }

    Site& site_;
    const Config& config_;
    std::optional<TicketKey> ticket_key_;
    std::vector<OwnHostKey> host_keys_;
    bool host_keys_complete_ = false;
    std::vector<ServerRecord> servers_;
    bool knows_servers_ = false;  // they are in the directory, and could be read
    std::vector<CheckLine> findings_;
};

}  // namespace

void declare_check(Command& root) {
    const auto json = std::make_shared<bool>(false);
    const auto config_only = std::make_shared<bool>(false);
    root.command(
            "check", "Validate the configuration and try every backend.",
            [config_only, json](Site& site) { return print_checks(Check(site).run(*config_only), *json); })
        .flag("--config-only", "Only validate the configuration", *config_only)
        .json(*json)
        .examples({"gerve -c /etc/gerve/gerve.toml check", "gerve --state ./gerve-state check --json"},
                  "Exit status: 0 all is well, 1 something cannot be reached, 2 the configuration is wrong.");
}

}  // namespace gerve

#include "authz/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/base/toml.h"
#include "authz/limits_config.h"
#include "authz/model/own_query.h"
#include "authz/model/route.h"
#include "authz/os/unix_socket.h"
#include "authz/ssh_algorithms.h"
#include "authz/store/mysql/mysql_uri.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;
using Problems = std::vector<ConfigProblem>;

constexpr const char* system_file = "/etc/gerve/gerve.toml";
constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

bool is_plain_name(std::string_view text, std::size_t longest, std::string_view characters) {
    return !text.empty() && text.size() <= longest && text.front() != '-' &&
           text.find_first_not_of(characters) == std::string_view::npos;
}

// Reads one file into one Config; the tables are read by a function each.
class ConfigReader {
  public:
    ConfigReader(const std::string& text, const std::string& name, bool look_at_files)
        : reader_(text, name), look_at_files_(look_at_files) {
        config_.file = name;
        config_.source = text;
    }

    tl::expected<Config, Problems> read() {
        read_state();
        read_listen(reader_.root().table("listen"));
        read_ssh(reader_.root().table("ssh"));
        read_anonymous(reader_.root().table("anonymous"));
        read_directory(reader_.root().table("directory"));
        read_routes(reader_.root().table("routes"));
        read_authz(reader_.root().table("authz"));
        config_.upstream = read_upstream(reader_.root().table("upstream"));
        (void)read_limits(reader_.root().table("limits"));  // workers read it again: limits_of()
        config_.audit = read_audit(reader_.root().table("audit"));
        config_.repositories = read_repositories(reader_.root().table("repositories"));
        TomlTable lfs = reader_.root().table("lfs");
        config_.lfs = read_lfs(lfs);
        static_cast<void>(existing_file(lfs, "token_secret_file"));
        config_.log = read_log(reader_.root().table("log"));
        config_.forge = read_forge(reader_.root().table("forge"), config_.backend == Backend::mysql,
                                   config_.mysql.queries);
        read_shadow(reader_.root().table("shadow"));
        Problems problems = reader_.finish();
        if (!problems.empty()) return tl::make_unexpected(std::move(problems));
        return std::move(config_);
    }

  private:
    void read_state() {
        config_.state = reader_.root().path("state", config_.file.empty() ? "gerve-state" : "/var/lib/gerve");
    }

    void read_listen(TomlTable table) {
        ListenConfig& listen = config_.listen;
        listen.ssh = addresses(table, "ssh", listen.ssh);
        if (listen.ssh.empty()) table.complain("ssh", "must list at least one address");
        listen.git = addresses(table, "git", {});
        listen.proxy_protocol_from = table.texts("proxy_protocol_from");
        for (std::size_t i = 0; i < listen.proxy_protocol_from.size(); ++i) {
            const auto network = Network::parse(listen.proxy_protocol_from[i]);
            if (!network) table.complain("proxy_protocol_from", i, "is invalid: " + network.error().told);
        }
        listen.max_awaiting_header =
            small_number(table, "max_awaiting_header", listen.max_awaiting_header, 1, 1'000'000);
        listen.metrics = table.text("metrics");
        const auto metrics = ListenAddress::parse(listen.metrics);
        if (!listen.metrics.empty() && !metrics)
            table.complain("metrics", "is invalid: " + metrics.error().told);
    }

    static std::vector<std::string> addresses(TomlTable& table, std::string_view key,
                                              std::vector<std::string> fallback) {
        std::vector<std::string> texts = table.texts(key, std::move(fallback));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto address = ListenAddress::parse(texts[i]);
            if (!address) table.complain(key, i, "is invalid: " + address.error().told);
        }
        return texts;
    }

    void read_anonymous(TomlTable table) {
        AnonymousConfig& anonymous = config_.anonymous;
        anonymous.request_timeout = table.duration("request_timeout", anonymous.request_timeout, 1s, 10min);
        anonymous.max_sessions = small_number(table, "max_sessions", anonymous.max_sessions, 1, 1'000'000);
        anonymous.max_sessions_per_source =
            small_number(table, "max_sessions_per_source", anonymous.max_sessions_per_source, 1, 1'000'000);
        OperationDeadlines& deadlines = anonymous.deadlines;
        deadlines.idle = table.duration("idle_timeout", deadlines.idle, 0s, 720h);
        deadlines.duration = table.duration("max_duration", deadlines.duration, 0s, 720h);
    }

    void read_ssh(TomlTable table) {
        SshConfig& ssh = config_.ssh;
        ssh.host_keys = table.paths("host_keys");
        expect_files(table, "host_keys", ssh.host_keys, "create it: ssh-keygen -t ed25519 -N '' -f ");
        ssh.host_certificates = table.paths("host_certificates");
        ssh.logins = table.texts("logins", ssh.logins);
        if (ssh.logins.empty()) table.complain("logins", "must list at least one SSH user name");
        expect_names(table, "logins", ssh.logins, 32, name_characters);
        ssh.login_grace = table.duration("login_grace", ssh.login_grace, 1s, 10min);
        ssh.idle_timeout = table.duration("idle_timeout", ssh.idle_timeout, 1s, 720h);
        ssh.drain_timeout = table.duration("drain_timeout", ssh.drain_timeout, 0s, 720h);
        ssh.shutdown_timeout = table.duration("shutdown_timeout", ssh.shutdown_timeout, 0s, 1h);
        ssh.workers = small_number(table, "workers", ssh.workers, 0, 1024);
        ssh.max_auth_tries = small_number(table, "max_auth_tries", ssh.max_auth_tries, 1, 1000);
        ssh.max_sessions = small_number(table, "max_sessions", ssh.max_sessions, 1, 1000);
        ssh.max_unauthenticated =
            small_number(table, "max_unauthenticated", ssh.max_unauthenticated, 1, 1'000'000);
        const unsigned share = std::max(ssh.max_unauthenticated / 8, 1U);
        ssh.max_unauthenticated_per_source =
            small_number(table, "max_unauthenticated_per_source", share, 1, 1'000'000);
        ssh.rekey_bytes =
            table.number("rekey_bytes", ssh.rekey_bytes, 0, std::numeric_limits<std::int64_t>::max());
        ssh.notice_file = table.path("notice_file");
        ssh.ciphers = read_algorithms(table, "ciphers", known_ciphers);
        ssh.key_exchanges = read_algorithms(table, "key_exchanges", known_key_exchanges);
    }

    void read_directory(TomlTable table) {
        config_.backend = table.choice("backend", backend_names, config_.backend);
        TomlTable mysql_table = table.table("mysql");
        read_mysql(mysql_table);
        if (config_.backend == Backend::mysql) {
            if (config_.mysql.uri.empty()) {
                mysql_table.complain("uri", "is missing: write uri = \"tcp://HOST:3306/gerve\"");
            }
        } else if (mysql_table.present()) {
            table.complain("backend", "must be \"mysql\" for [directory.mysql] to be used");
        }
    }

    void read_mysql(TomlTable& table) {
        MysqlConfig& mysql = config_.mysql;
        mysql.uri = table.text("uri");
        const auto uri = MysqlUri::parse(mysql.uri);
        // Its error begins with the name of the key, as complain() does.
        if (!mysql.uri.empty() && !uri)
            table.complain("uri", uri.error().told.substr(uri.error().told.find('\'')));
        mysql.user = table.text("user", "gerve");
        mysql.password_file = existing_file(table, "password_file");
        mysql.admin_user = table.text("admin_user");
        mysql.admin_password_file = existing_file(table, "admin_password_file");
        mysql.ca_file = existing_file(table, "ca_file");
        TomlTable queries = table.table("queries");
        for (const char* query : {"key", "repository", "permission", "route"}) {
            if (!queries.has(query)) continue;
            // What is no text is told by text(), and once is enough.
            const std::string& sql = mysql.queries[query] = queries.text(query, "SELECT 1", Lines::many);
            const auto parsed = parse_own_query(query, sql);
            if (!parsed) queries.complain(query, parsed.error().told);
        }
    }

    void read_routes(TomlTable table) {
        TomlTable redis_table = table.table("redis");
        RedisConfig redis;
        redis.address = redis_table.text("address");
        expect_redis_address(redis_table, "address", redis.address);
        redis.sentinels = redis_table.texts("sentinels");
        for (const std::string& sentinel : redis.sentinels)
            expect_redis_address(redis_table, "sentinels", sentinel);
        redis.master = redis_table.text("master");
        redis.user = redis_table.text("user");
        redis.password_file = existing_file(redis_table, "password_file");
        redis.prefix = redis_table.text("prefix", redis.prefix);
        redis.ca_file = existing_file(redis_table, "ca_file");
        config_.embedded = !table.present();
        if (!redis_table.present()) return;
        if (redis.address.empty() == redis.sentinels.empty()) {
            redis_table.complain("address",
                                 "or sentinels must be given, but not both: write address = \"HOST:6379\"");
        }
        if (redis.sentinels.empty() != redis.master.empty()) {
            redis_table.complain(
                "master", "and sentinels must be given together: the sentinels know the master by that name");
        }
        config_.redis = std::move(redis);
    }

    void read_authz(TomlTable table) {
        AuthzConfig& authz = config_.authz;
        authz.socket = table.path("socket");
        if (authz.socket.size() > UnixAddress::longest_path) {
            table.complain("socket", "is too long: the path of a unix socket has at most " +
                                         std::to_string(UnixAddress::longest_path) + " bytes");
        }
        authz.ticket_keys = table.paths("ticket_keys");
        expect_files(table, "ticket_keys", authz.ticket_keys, "create it: gerve ticket-key new ");
        if (!authz.ticket_keys.empty()) config_.embedded = false;
        if (!config_.embedded && authz.ticket_keys.empty()) {
            table.complain("ticket_keys",
                           "is missing: with [routes] the file servers check tickets; create a key with "
                           "`gerve ticket-key new FILE`, and set it here and on each file server");
        }
        authz.threads = small_number(table, "threads", authz.threads, 0, 256);
        authz.deadline = table.duration("deadline", authz.deadline, 10ms, 30s);
        authz.recheck = table.duration("recheck", authz.recheck, 100ms, 1h);
        authz.worker_user = user_name(table, "worker_user");
        authz.authorized_keys_user = user_name(table, "authorized_keys_user");
        authz.forced_command_user = user_name(table, "forced_command_user");
        authz.administrators = table.texts("administrators", authz.administrators);
        expect_names(table, "administrators", authz.administrators, 32, name_characters);
    }

    void read_shadow(TomlTable table) {
        if (!table.present()) return;
        config_.shadow_file = table.path("config");
        if (config_.shadow_file.empty())
            table.complain("config",
                           "is missing: name the gerve.toml whose [directory] and [forge] are to be asked");
        else if (config_.shadow_file == std::filesystem::absolute(config_.file).lexically_normal())
            table.complain("config", "names this file");
        if (!config_.audit.enabled)
            table.complain("config", "needs the audit trail: remove audit.enabled = false");
    }

    static unsigned small_number(TomlTable& table, std::string_view key, unsigned fallback, unsigned least,
                                 unsigned most) {
        return static_cast<unsigned>(table.number(key, fallback, least, most));
    }

    static void expect_names(TomlTable& table, std::string_view key, const std::vector<std::string>& names,
                             std::size_t longest, std::string_view characters) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (is_plain_name(names[i], longest, characters)) continue;
            table.complain(key, i, "contains \"" + printable(names[i], 80) + "\", which is not a valid name");
        }
    }

    static std::string user_name(TomlTable& table, std::string_view key) {
        std::string name = table.text(key);
        if (!name.empty() && !is_plain_name(name, 32, name_characters)) {
            table.complain(key, "must be the name of a user on this machine");
        }
        return name;
    }

    static void expect_redis_address(TomlTable& table, std::string_view key, const std::string& address) {
        if (address.empty()) return;
        const auto endpoint = Endpoint::parse(address);
        if (!endpoint || endpoint->kind() == Endpoint::Kind::git_daemon) {
            table.complain(key, "must be \"HOST:6379\" or \"unix:/run/redis/redis.sock\", not \"" +
                                    printable(address, 80) + "\"");
        }
    }

    // Only what is certainly not there is told: who reads the configuration may not see into every directory.
    [[nodiscard]] bool is_missing(const std::string& path) const {
        struct stat status {};
        return look_at_files_ && ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
    }

    std::string existing_file(TomlTable& table, std::string_view key) {
        std::string path = table.path(key);
        if (!path.empty() && is_missing(path))
            table.complain(key, "names " + path + ", which does not exist");
        return path;
    }

    void expect_files(TomlTable& table, std::string_view key, const std::vector<std::string>& paths,
                      const std::string& remedy) {
        for (std::size_t i = 0; i < paths.size(); ++i) {
            if (!is_missing(paths[i])) continue;
            table.complain(key, i, "names " + paths[i] + ", which does not exist; " + remedy + paths[i]);
        }
    }

    TomlReader reader_;
    bool look_at_files_;
    Config config_;
};

tl::unexpected<Problems> one_problem(const std::string& file, std::string text) {
    return tl::make_unexpected(Problems{ConfigProblem{file, 0, 0, std::move(text), ""}});
}

std::string chosen_file(const ConfigChoice& choice) {
    if (!choice.file.empty()) return choice.file;
    const char* from_environment = std::getenv("GERVE_CONFIG");
    if (from_environment != nullptr && *from_environment != '\0') return from_environment;
    // One that cannot be looked at is read, to say why: without it this would be another installation.
    return is_there(system_file).value_or(true) ? system_file : "";
}

}  // namespace

unsigned SshConfig::worker_count() const {
    return workers != 0 ? workers : std::max(1U, std::thread::hardware_concurrency());
}

tl::expected<Config, Problems> parse_config(const std::string& text, const std::string& name) {
    return ConfigReader(text, name, false).read();
}

tl::expected<Config, Problems> load_config(const std::string& file) {
    const auto text = read_file(file);
    if (!text) return one_problem("", describe(text.error()));
    return ConfigReader(*text, file, true).read();
}

tl::expected<Config, Problems> with_state(Config config, const std::string& state) {
    std::error_code ignored;
    if (!state.empty()) {
        config.state = std::filesystem::absolute(state, ignored).lexically_normal().string();
    }
    while (config.state.size() > 1 && config.state.ends_with('/')) config.state.pop_back();
    const std::string longest = std::max(config.authz_socket(), config.local_agent_socket(),
                                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (longest.size() > UnixAddress::longest_path) {
        return one_problem(config.file, "the state directory's path is too long: " + longest + " has " +
                                            std::to_string(longest.size()) +
                                            " bytes, and a unix socket's path has " + "at most " +
                                            std::to_string(UnixAddress::longest_path) +
                                            "; choose a shorter one with --state");
    }
    return config;
}

tl::expected<Config, Problems> choose_config(const ConfigChoice& choice) {
    const std::string file = chosen_file(choice);
    auto config = file.empty() ? parse_config("", "") : load_config(file);
    if (!config) return config;
    return with_state(std::move(*config), choice.state);
}

}  // namespace gerve

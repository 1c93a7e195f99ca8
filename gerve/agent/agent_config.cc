#include "gerve/agent/agent_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "authz/base/fd.h"
#include "authz/base/toml.h"
#include "authz/model/route.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;

unsigned core_count() {
    static const unsigned cores =
        std::max(1U, std::thread::hardware_concurrency());  // asks the system each time
    return cores;
}

bool is_directory(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

void read_identity(TomlTable& table, AgentConfig& config) {
    config.name = table.text("name");
    if (auto name = ServerName::parse(config.name); !name) {
        table.complain("name", "must be the file server's name, as in `gerve server add NAME`");
    }
    const std::string root = table.path("root");
    // git compares safe.directory with the path that it works out itself.
    config.root = root.empty() ? "" : real_path(root);
    if (root.empty()) {
        table.complain("root", "must be given: the directory that holds the repositories");
    } else if (config.root.empty()) {
        table.complain("root", errno_text("cannot be used"));
    } else if (!is_directory(config.root)) {
        table.complain("root", "is not a directory");
    }
    config.layout = table.choice("layout", layout_names, Layout::flat);
}

void read_adopt_from(TomlTable& table, AgentConfig& config) {
    const auto directories = table.paths("adopt_from");
    for (std::size_t i = 0; i < directories.size(); ++i) {
        const std::string real = real_path(directories[i]);
        if (real.empty()) {
            table.complain("adopt_from", i, errno_text("cannot be used"));
        } else if (!is_directory(real) || real == "/") {
            table.complain("adopt_from", i, "must be a directory, and not the whole file system");
        } else if ((config.root + "/").starts_with(real + "/")) {
            table.complain("adopt_from", i,
                           "must not contain root: directories below root need no adopt_from");
        } else {
            config.adopt_from.push_back(real);
        }
    }
}

bool read_listen(TomlTable& table, AgentConfig& config) {
    config.listen = table.texts("listen");
    bool tcp = false;
    for (std::size_t i = 0; i < config.listen.size(); ++i) {
        auto endpoint = Endpoint::parse(config.listen[i]);
        if (!endpoint || endpoint->kind() == Endpoint::Kind::git_daemon) {
            table.complain("listen", i, "must be ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH");
        } else {
            tcp = tcp || endpoint->kind() == Endpoint::Kind::tcp;
        }
    }
    return tcp;
}

void read_ticket_keys(TomlTable& table, AgentConfig& config, bool tcp) {
    const auto files = table.paths("ticket_keys");
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto content = read_secret_file(files[i]);
        auto key = content ? TicketKey::parse(*content) : Result<TicketKey>(pass_on(content));
        if (!key) {
            table.complain("ticket_keys", i, describe(key.error()));
        } else {
            config.ticket_keys.push_back(*key);
        }
    }
    if (files.empty() && tcp) {
        table.complain("ticket_keys", "is missing: it is required unless every listener is a unix socket");
    }
}

void read_git(TomlTable& table, AgentConfig& config) {
    config.git = table.path("git", config.git);
    if (::access(config.git.c_str(), X_OK) != 0) table.complain("git", "is not a program: " + config.git);
    config.hg = table.path("hg", config.hg);
    if (table.has("hg") && ::access(config.hg.c_str(), X_OK) != 0)
        table.complain("hg", "is not a program: " + config.hg);
    config.check_objects = table.flag("check_objects", config.check_objects);
    config.template_directory = table.path("template");
    if (!config.template_directory.empty() && !is_directory(config.template_directory)) {
        table.complain("template", "is not a directory");
    }
    config.standby_file = table.path("standby_file");
}

std::string service_choices() {
    std::string choices;
    for (const ServiceRow& row : service_rows)
        choices += (choices.empty() ? "" : ", ") + std::string(short_name(row));
    return choices + " or admin";
}

void read_services(TomlTable& table, AgentConfig& config) {
    if (!table.has("services")) return;
    config.services = {};
    const auto names = table.texts("services");
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto* row = std::find_if(service_rows.begin(), service_rows.end(),
                                       [&](const ServiceRow& one) { return short_name(one) == names[i]; });
        if (names[i] == "admin") {
            config.services.insert(Service::admin);
        } else if (row != service_rows.end()) {
            config.services.insert(row->service);
        } else {
            table.complain("services", i, "must be " + service_choices());
        }
    }
}

unsigned small_number(TomlTable& table, std::string_view key, unsigned fallback, unsigned least,
                      unsigned most) {
    return static_cast<unsigned>(table.number(key, fallback, least, most));
}

void read_limits(TomlTable& table, AgentLimits& limits) {
    limits.max_operations = small_number(table, "max_operations", limits.max_operations, 1, 1'000'000);
    limits.max_operations_per_owner =
        small_number(table, "max_operations_per_owner", limits.max_operations_per_owner, 0, 1'000'000);
    if (table.has("max_operations_per_account"))
        limits.max_operations_per_account =
            small_number(table, "max_operations_per_account", 0, 0, 1'000'000);
    if (table.has("max_operations_per_key"))
        limits.max_operations_per_key = small_number(table, "max_operations_per_key", 0, 0, 1'000'000);
    limits.max_starting = small_number(table, "max_starting", limits.max_starting, 0, 10'000);
    limits.max_handshakes = small_number(table, "max_handshakes", limits.max_handshakes, 1, 1'000'000);
    limits.max_handshakes_per_source =
        small_number(table, "max_handshakes_per_source", limits.max_handshakes_per_source, 1, 1'000'000);
    limits.storage_timeout = table.duration("storage_timeout", limits.storage_timeout, 100ms, 5min);
    limits.handshake_timeout = table.duration("handshake_timeout", limits.handshake_timeout, 100ms, 5min);
    limits.queue_timeout = table.duration("queue_timeout", limits.queue_timeout, 10ms, 5min);
    limits.grace = table.duration("grace", limits.grace, 10ms, 10min);
    limits.abandoned_push = table.duration("abandoned_push", limits.abandoned_push, 1s, 24h);
    limits.drain_timeout = table.duration("drain_timeout", limits.drain_timeout, 1s, 24h * 7);
    limits.shutdown_timeout = table.duration("shutdown_timeout", limits.shutdown_timeout, 0s, 1h);
    limits.peer_timeout = table.duration("peer_timeout", limits.peer_timeout, 10s, 24h);
    limits.socket_buffer = small_number(table, "socket_buffer", limits.socket_buffer, 0, 64 << 20);
}

// Eight at least, but never more than half: no account takes all places, however few there are.
unsigned share_of(unsigned all, unsigned part) {
    return std::min(std::max(all / part, 8U), std::max((all + 1) / 2, 1U));
}

}  // namespace

ServiceSet ServiceSet::all() {
    ServiceSet set;
    for (const ServiceRow& row : service_rows) set.insert(row.service);
    set.insert(Service::admin);
    return set;
}

unsigned AgentConfig::thread_count() const {
    return threads != 0 ? threads : std::min(core_count(), 4U);
}

unsigned AgentConfig::starting_limit() const {
    return limits.max_starting != 0 ? limits.max_starting : 4 * core_count();
}

OperationLimits AgentConfig::operation_limits(unsigned most) const {
    const unsigned all = std::min(limits.max_operations, most);
    return {all, limits.max_operations_per_owner,
            limits.max_operations_per_account.value_or(share_of(all, 16)),
            limits.max_operations_per_key.value_or(share_of(all, 32))};
}

unsigned share_of_git(unsigned most) {
    return most - std::min(most / 4, most - 1);
}

OperationLimits AgentConfig::lfs_limits(unsigned most) const {
    constexpr unsigned sessions = 8;
    const OperationLimits gits = operation_limits(share_of_git(most));
    const unsigned left = most > gits.all ? most - gits.all : 1;
    return {std::min(sessions * gits.all, left), sessions * gits.per_owner, sessions * gits.per_account,
            sessions * gits.per_key};
}

ConfigResult<AgentConfig> load_agent_config(const std::string& file) {
    auto text = read_file(file);
    if (!text) {
        ConfigProblem problem;
        problem.file = file;
        problem.text = describe(text.error());
        return tl::make_unexpected(std::vector{problem});
    }
    return parse_agent_config(std::move(*text), file);
}

ConfigResult<AgentConfig> parse_agent_config(std::string text, const std::string& name) {
    TomlReader reader(std::move(text), name);
    TomlTable table = reader.root();
    AgentConfig config;
    config.file = name;
    read_identity(table, config);
    read_adopt_from(table, config);
    const bool tcp = read_listen(table, config);
    read_ticket_keys(table, config, tcp);
    read_git(table, config);
    read_services(table, config);
    config.threads = small_number(table, "threads", 0, 0, 256);
    read_limits(table, config.limits);
    config.forge = read_forge_settings(table.table("forge"));
    config.log = read_log(table.table("log"));
    if (auto problems = reader.finish(); !problems.empty()) return tl::make_unexpected(std::move(problems));
    return config;
}

Result<AgentConfig> make_agent_config(const std::string& name, const std::string& root,
                                      const std::string& ticket_key) {
    AgentConfig config;
    config.name = name;
    config.root = real_path(root);
    if (!ServerName::parse(name)) return client_error("--name: not a file server's name");
    if (config.root.empty() || !is_directory(config.root)) return client_error("--root: not a directory");
    if (ticket_key.empty()) return config;
    auto content = read_secret_file(ticket_key);
    if (!content) return pass_on(content);
    auto key = TicketKey::parse(*content);
    if (!key) return pass_on(key);
    config.ticket_keys.push_back(*key);
    return config;
}

}  // namespace gerve

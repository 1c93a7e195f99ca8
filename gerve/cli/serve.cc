#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/service/run_authz.h"
#include "authz/state_directory.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/host_certificate_watch.h"
#include "gerve/cli/programs.h"
#include "gerve/cli/site.h"
#include "gerve/master/master.h"
#include "gerve/metrics/metrics_server.h"
#include "gerve/ssh/host_keys.h"
#include "gerve/worker/worker.h"

namespace gerve {
namespace {

struct ServeValues {
    std::vector<std::string> listen;
    std::optional<RepoPath> example;
};

Setter address_into(std::vector<std::string>& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto address = ListenAddress::parse(text);
        if (!address) return pass_on(address);
        into.push_back(text);
        return {};
    };
}

// Wrong certificates are no reason not to serve: clients that know the plain keys need none.
Result<void> check_keys(const Config& config, const std::vector<std::string>& files,
                        HostCertificateWatch& watch) {
    std::vector<PublicKey> keys;
    for (const std::string& file : files) {
        auto key = read_host_key(file);
        if (!key) return pass_on(key);
        keys.push_back(std::move(*key));
    }
    watch.take(read_host_certificates(config.ssh.host_certificates, keys), unix_now());
    return {};
}

Result<void> prepare(const Config& config, HostCertificateWatch& watch) {
    if (auto made = make_ticket_key(config); !made) return made;
    if (config.embedded) {
        if (auto made = make_agent_files(config); !made) return made;
    }
    auto host_keys = config.ssh.host_keys;
    if (host_keys.empty()) {
        if (const auto made = make_host_keys(config.state); !made) return pass_on(made);
        if (auto made = make_spare_host_key(config.state); !made) return made;
        auto found = find_host_keys(config.state);
        if (!found) return pass_on(found);
        host_keys = std::move(*found);
    }
    return check_keys(config, host_keys, watch);
}

// How a client on this machine would reach what we listen at.
std::string clone_base(const ListenAddress& address) {
    std::string host = address.ip.text();
    if (host == "0.0.0.0") host = "127.0.0.1";
    if (host == "::") host = "::1";
    if (!address.ip.is_v4()) host = "[" + host + "]";
    return "ssh://git@" + host + (address.port == 22 ? "" : ":" + std::to_string(address.port)) + "/";
}

void announce(const Config& config, const std::vector<ListenAddress>& addresses, const ServeValues& values) {
    for (const ListenAddress& address : addresses)
        std::printf("gerve: listening on %s\n", address.text().c_str());
    if (config.file.empty()) {
        const std::string base = clone_base(addresses.front());
        const std::string gerve = "gerve --state " + config.state;
        if (values.example) {
            std::printf("\n  git clone %s%s.git\n\n", base.c_str(), values.example->text().c_str());
        } else {
            std::printf(
                "\nTo clone: git clone %sOWNER/REPO.git. Create accounts, keys and repositories with\n"
                "  %s user add alice\n"
                "  %s key add alice ~/.ssh/id_ed25519.pub\n"
                "  %s repo create alice/hello\n"
                "  git clone %salice/hello.git\n\n",
                base.c_str(), gerve.c_str(), gerve.c_str(), gerve.c_str(), base.c_str());
        }
    }
    std::fflush(stdout);
}

int serve(Site& site, const ServeValues& values) {
    // A wrong one is told here as by every other command.
    log::start("master", site.config().log.level);
    MasterOptions options;
    options.load = [&] {
        auto config = choose_config({site.options().config, site.options().state});
        if (config && !values.listen.empty()) config->listen.ssh = values.listen;
        return config;
    };
    HostCertificateWatch watch;
    options.prepare = [&](const Config& config) { return prepare(config, watch); };
    options.look = [&] { watch.look(unix_now()); };
    options.announce = [&](const Config& config, const std::vector<ListenAddress>& addresses) {
        announce(config, addresses, values);
    };
    options.programs = need(find_programs());
    return run_master(options);
}

// ---- the roles that the master starts

struct RoleValues {
    int control = -1;
    int config = -1;
    std::vector<int> listeners;
    std::vector<int> git_listeners;
    std::vector<int> metrics;  // pages to count in, or to read
};

Setter number_into(std::function<void(int)> take) {
    return [take = std::move(take)](const std::string& text) -> Result<void> {
        const auto number = parse_decimal(text);
        if (!number || *number > 65535)
            return client_error("'" + printable(text, 20) + "' is not a descriptor");
        take(static_cast<int>(*number));
        return {};
    };
}

Config config_of(Site& site, const RoleValues& values) {
    if (values.config < 0) return site.config();
    auto config = parse_config(need(read_inherited(Fd(values.config))), site.options().config);
    if (config) config = with_state(std::move(*config), site.options().state);
    if (!config) throw Stop{usage_status, format_problems(config.error())};
    return std::move(*config);
}

std::optional<Fd> inherited(int fd) {
    if (fd < 0) return std::nullopt;
    close_on_exec(fd);
    return Fd(fd);
}

Fd metrics_page(const RoleValues& values, std::size_t place) {
    if (values.metrics.size() <= place) return {};
    return std::move(*inherited(values.metrics[place]));
}

int serve_authz(Site& site, const RoleValues& values) {
    log::start("authz");
    const Config config = config_of(site, values);
    std::optional<Fd> listener;
    if (!values.listeners.empty()) listener = inherited(values.listeners.front());
    return run_authz(config, std::move(listener), inherited(values.control), metrics_page(values, 0));
}

int serve_worker(Site& site, const RoleValues& values) {
    const Config config = config_of(site, values);
    WorkerSockets sockets;
    for (const int fd : values.listeners) sockets.listeners.push_back(std::move(*inherited(fd)));
    for (const int fd : values.git_listeners) sockets.git_listeners.push_back(std::move(*inherited(fd)));
    if (auto control = inherited(values.control)) sockets.control = std::move(*control);
    sockets.metrics = metrics_page(values, 0);
    if (sockets.listeners.empty() || !sockets.control) {
        throw Stop{usage_status, "a worker is started by `gerve serve`, which holds the sockets"};
    }
    return run_worker(config, std::move(sockets));
}

int serve_metrics(Site& site, const RoleValues& values) {
    const Config config = config_of(site, values);
    auto control = inherited(values.control);
    if (values.listeners.empty() || !control || values.metrics.size() != 2) {
        throw Stop{usage_status, "the metrics process is started by `gerve serve`, which holds the sockets"};
    }
    return run_metrics(config, {std::move(*inherited(values.listeners.front())), std::move(*control),
                                metrics_page(values, 0), metrics_page(values, 1)});
}

void declare_role(Command& root, const std::string& name, const std::string& purpose, bool shown,
                  int (*run)(Site&, const RoleValues&)) {
    const auto values = std::make_shared<RoleValues>();
    Command role = root.command(name, purpose, [values, run](Site& site) { return run(site, *values); });
    role.hidden_option("--control-fd", number_into([values](int fd) { values->control = fd; }));
    role.hidden_option("--config-fd", number_into([values](int fd) { values->config = fd; }));
    role.hidden_option("--listen-fd", number_into([values](int fd) { values->listeners.push_back(fd); }));
    role.hidden_option("--git-fd", number_into([values](int fd) { values->git_listeners.push_back(fd); }));
    role.hidden_option("--metrics-fd", number_into([values](int fd) { values->metrics.push_back(fd); }));
    if (!shown) role.hidden();
}

}  // namespace

void declare_serve(Command& root) {
    const auto values = std::make_shared<ServeValues>();
    root.command("serve", "Run the gateway until SIGTERM; SIGHUP reads the configuration again.",
                 [values](Site& site) { return serve(site, *values); })
        .option("-l,--listen", "ADDR",
                "Address and port to listen on instead of the configured ones; repeatable",
                address_into(values->listen), true)
        .hidden_option("--example", parsed(values->example))
        .examples({"gerve serve", "gerve --state /srv/gerve serve --listen 0.0.0.0:22 --listen [::]:22",
                   "gerve -c /etc/gerve/gerve.toml serve"});
    declare_role(root, "authz", "Run the authorization process alone; `gerve serve` starts one itself.", true,
                 serve_authz);
    declare_role(root, "worker", "Carry SSH sessions; started by `gerve serve`.", false, serve_worker);
    declare_role(root, "metrics", "Serve metrics over HTTP; started by `gerve serve`.", false, serve_metrics);
}

}  // namespace gerve

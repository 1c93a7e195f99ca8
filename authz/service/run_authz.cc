#include "authz/service/run_authz.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "authz/audit/settings.h"
#include "authz/audit/table.h"
#include "authz/base/alarm.h"
#include "authz/base/log.h"
#include "authz/os/hardening.h"
#include "authz/os/privileges.h"
#include "authz/os/shared_page.h"
#include "authz/os/signals.h"
#include "authz/os/socket_file.h"
#include "authz/os/unix_socket.h"
#include "authz/service/explain.h"
#include "authz/service/lfs_token.h"
#include "authz/service/recheck.h"
#include "authz/service/server.h"
#include "authz/service/shadow.h"
#include "authz/service/ticket_keys.h"
#include "authz/store/open_database.h"
#include "authz/store/redis/redis_routes.h"
#include "authz/store/schema.h"

namespace gerve {
namespace {

constexpr std::int64_t socket_alarm_interval = 60'000;  // ms
constexpr int socket_look = 1'000;                      // ms between two looks at the socket's file
constexpr std::chrono::milliseconds farewell{1'500};    // of the two seconds that an end may take
constexpr std::chrono::milliseconds table_farewell{300};

void harden() {
    if (auto hardened = harden_process(); !hardened) {
        log::warn("authz is not hardened", {{"why", describe(hardened.error())}});
    }
    if (auto dropped = drop_capabilities(); !dropped) {
        log::warn("authz cannot drop its capabilities", {{"why", describe(dropped.error())}});
    }
    ::umask(077);
    ::signal(SIGPIPE, SIG_IGN);
}

unsigned thread_count(const Config& config) {
    if (config.authz.threads != 0) return config.authz.threads;
    // Beside the database fewer threads find more lookups waiting, and put them into one statement; an
    // operator's own statements take one key each.
    const bool shares = database_is_near(config) && config.has_own_tables();
    const unsigned each_core = shares ? 1 : 2;
    return std::max(2U, each_core * std::thread::hardware_concurrency());
}

// The embedded directory is made on the first start, and brought up to date by a newer Gerve. What keeps that
// from being done keeps authz from starting. A database server that cannot be reached does not: questions are
// answered unavailable until it can.
Result<void> prepare_schema(const Config& config) {
    if (config.backend != Backend::sqlite) return {};
    const auto database = open_for_administration(config);
    return database ? Result<void>() : pass_on(database);
}

struct Ground {
    std::unique_ptr<AuditSink> audit;
    std::unique_ptr<AuditTable> table;  // reads what the sink writes; null: events stay in the file
    std::unique_ptr<RedisRoutes> redis;
    std::unique_ptr<Shadow> shadow;       // null: there is no second policy
    std::unique_ptr<AuthzServer> server;  // asks the three above
    std::optional<SocketFile> socket;     // of a listener that is not the master's
    Alarm socket_alarm;                   // while it cannot be made again
    std::unique_ptr<Recheck> recheck;     // of the server's live sessions
};

// Null when none is configured. One that cannot be reached is no reason not to start.
Result<std::unique_ptr<RedisRoutes>> open_redis_routes(const Config& config, RedisCounters& counters) {
    if (!config.redis) return nullptr;
    auto settings = RedisSettings::make(*config.redis);
    if (!settings) return pass_on(settings);
    return std::make_unique<RedisRoutes>(std::move(*settings), thread_count(config), counters);
}

Result<std::unique_ptr<AuditSink>> open_audit(const Config& config, AuditCounters& counters) {
    if (!config.audit.enabled) return std::make_unique<AuditSink>();
    return AuditSink::open({.trail = audit_trail_of(config),
                            .sync_events = config.audit.sync_events,
                            .sync_interval = config.audit.sync_interval,
                            .counters = &counters});
}

Result<std::unique_ptr<AuditTable>> open_audit_table(const Config& config, AuditSink& audit,
                                                     AuditCounters& counters) {
    if (!audit.on() || !config.audit.table) return nullptr;
    auto connect = choose_database(config, DatabaseUse::record);
    if (!connect) return pass_on(connect);
    return std::make_unique<AuditTable>(AuditTableParts{
        config.audit_file(), std::move(*connect), [&audit] { return audit.sync(); }, &counters,
        [&audit](const CounterFell& event) {
            log::warn("a signature counter fell",
                      {{"key", event.fingerprint}, {"counter", event.counter}, {"before", event.before}});
            audit.record(event);
        }});
}

Result<std::optional<Secret>> find_lfs_secret(const LfsConfig& config) {
    if (config.mode != LfsMode::http) return std::nullopt;
    return load_lfs_secret(config.token_secret_file).map([](const Secret& secret) {
        return std::optional(secret);
    });
}

// One that cannot be asked is no reason not to start.
std::optional<Connect> find_shadow(const Config& config) {
    if (config.shadow_file.empty()) return std::nullopt;
    const auto shadow = load_shadow_config(config);
    auto connect = shadow ? choose_database(*shadow, DatabaseUse::serve) : Result<Connect>(pass_on(shadow));
    if (connect) return std::move(*connect);
    log::error("decisions are not compared", {{"why", describe(connect.error())}});
    return std::nullopt;
}

Result<Ground> prepare(const Config& config, std::optional<Fd> listener, AuthzMetrics& metrics) {
    if (auto prepared = prepare_schema(config); !prepared) return pass_on(prepared);
    auto connect = choose_database(config, DatabaseUse::serve);
    if (!connect) return pass_on(connect);
    auto shadow_connect = find_shadow(config);
    auto peers = PeerTable::make(config.authz, ::geteuid());
    if (!peers) return pass_on(peers);
    const auto keys = load_ticket_keys(config);
    if (!keys) return pass_on(keys);
    const auto lfs_secret = find_lfs_secret(config.lfs);
    if (!lfs_secret) return pass_on(lfs_secret);
    auto audit = open_audit(config, metrics.audit);
    if (!audit) return pass_on(audit);
    auto table = open_audit_table(config, **audit, metrics.audit);
    if (!table) return pass_on(table);
    auto redis = open_redis_routes(config, metrics.redis);
    if (!redis) return pass_on(redis);
    std::optional<SocketFile> socket;
    if (!listener) {
        auto bound = listen_unix(config.authz_socket(), UnixSocketType::packets, config.authz.socket_mode());
        if (!bound) return pass_on(bound);
        listener = std::move(*bound);
        socket = SocketFile::at(config.authz_socket());
    }
    const std::optional<Route> local = embedded_route(config);
    std::unique_ptr<Shadow> shadow;
    if (shadow_connect)
        shadow =
            std::make_unique<Shadow>(*connect, std::move(*shadow_connect), local, **audit, metrics.shadow);
    ServerParts parts{
        *connect,
        std::move(*peers),
        Signer(keys->front(), {keys->begin() + 1, keys->end()}, config.repositories, config.lfs, *lfs_secret),
        local,
        audit->get(),
        thread_count(config),
        redis->get(),
        &metrics,
        config.authz.deadline,
        shadow.get()};
    auto server = std::make_unique<AuthzServer>(std::move(*listener), std::move(parts));
    if (auto started = server->start(); !started) return pass_on(started);
    auto recheck = std::make_unique<Recheck>(server->live(), std::move(*connect), local, config.authz.recheck,
                                             metrics.live);
    return Ground{std::move(*audit),
                  std::move(*table),
                  std::move(*redis),
                  std::move(shadow),
                  std::move(server),
                  std::move(socket),
                  Alarm(socket_alarm_interval),
                  std::move(recheck)};
}

// Somebody may have removed the socket's file: nobody could connect any more.
void look_at_socket(const Config& config, Ground& ground) {
    if (!ground.socket || ground.socket->is_there()) return;
    const std::string path = config.authz_socket();
    const auto bound = listen_unix(path, UnixSocketType::packets, config.authz.socket_mode());
    auto replaced = bound ? ground.server->replace_listener(*bound) : Result<void>(pass_on(bound));
    if (!replaced) {
        const std::string why = describe(replaced.error());
        if (ground.socket_alarm.due(why))
            log::error("a socket file was removed and cannot be created again",
                       {{"path", path}, {"why", why}});
        return;
    }
    (void)ground.socket_alarm.over();
    log::warn("a socket file was removed: creating it again", {{"path", path}});
    ground.socket = SocketFile::at(path);
}

// Returns when the process has to end.
void wait_for_the_end(const Config& config, const Fd& signals, const std::optional<Fd>& control,
                      Ground& ground) {
    while (true) {
        std::array<pollfd, 2> watched{
            {{signals.get(), POLLIN, 0}, {control ? control->get() : -1, POLLIN, 0}}};
        const int woken = ::poll(watched.data(), watched.size(), ground.socket ? socket_look : -1);
        if (woken < 0) continue;
        look_at_socket(config, ground);
        if (watched[1].revents != 0) {
            char byte = 0;
            const ssize_t got = ::read(control->get(), &byte, 1);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
        }
        const int signal = next_signal(signals);
        if (signal == SIGTERM) return;
        // Ctrl-C reaches the whole process group; sessions that drain still need their answers.
        if (signal == SIGINT && !control) return;
        if (signal != SIGHUP) continue;
        if (auto reopened = ground.audit->reopen(); !reopened) {
            log::error("cannot reopen the audit file", {{"why", describe(reopened.error())}});
        }
    }
}

}  // namespace

int run_authz(const Config& config, std::optional<Fd> listener, std::optional<Fd> control,
              const Fd& metrics) {
    log::start("authz", config.log.level);
    harden();
    raise_open_files_limit();
    const auto signals = take_signals({SIGTERM, SIGINT, SIGHUP});
    if (!signals) {
        log::error("cannot start", {{"why", describe(signals.error())}});
        return 1;
    }
    auto ground = prepare(config, std::move(listener), numbers_of<AuthzMetrics>(metrics));
    if (!ground) {
        log::error("cannot start", {{"why", describe(ground.error())}});
        return 1;
    }
    log::info("ready",
              {{"directory", name_in(backend_names, config.backend)}, {"threads", thread_count(config)}});
    if (control && ::write(control->get(), "ready", 5) != 5) log::error("cannot report to the master");
    wait_for_the_end(config, *signals, control, *ground);
    // The server first: it takes no more questions while the others' rounds end.
    const bool answered = ground->server->stop(farewell);
    const bool rechecked = ground->recheck->stop(std::chrono::milliseconds(100));
    const bool compared = ground->shadow == nullptr || ground->shadow->stop(std::chrono::milliseconds(100));
    const bool told = ground->table == nullptr || ground->table->stop(table_farewell);
    ground->audit->stop();
    if (!answered || !rechecked)
        log::error("a request is still running at the end: the database does not answer");
    else if (!told)
        log::error("audit events are left for the next process: the database does not accept them");
    // A comparison that still runs loses nothing but itself, and is not worth a line.
    if (!answered || !rechecked || !told || !compared) std::_Exit(0);
    log::info("stopped");
    return 0;
}

}  // namespace gerve

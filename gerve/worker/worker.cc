#include "gerve/worker/worker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/signal_set.hpp>
#include <cerrno>
#include <cstdlib>

#include "authz/base/rationed_log.h"
#include "authz/base/text.h"
#include "authz/os/shared_page.h"
#include "authz/os/tcp_options.h"
#include "gerve/loop/wait.h"
#include "gerve/process/confinement.h"
#include "gerve/process/control_words.h"
#include "gerve/process/master_line.h"
#include "gerve/relay/git_operation.h"
#include "gerve/ssh/host_keys.h"
#include "gerve/worker/client_connection.h"
#include "gerve/worker/git_door.h"

namespace gerve {
namespace {

// Few per wake-up, so that workers share a burst.
constexpr int accepts_per_wake = 4;

// While draining, who has not logged in and asked for something by then is not waited for.
constexpr std::chrono::seconds login_patience{3};

// What is ended before it has finished gets a text, which slow clients are not waited for to read. The
// master's SIGKILL comes later than this.
constexpr std::chrono::seconds farewell_patience{3};

// Between two looks for idle connections beyond an account's limit.
constexpr std::chrono::seconds trim_every{2};

class Worker {
  public:
    Worker(asio::io_context& loop, const Config& config, ssh::ServerIdentity identity,
           GatewayMetrics& metrics, WorkerNumbers& numbers, WorkerSockets sockets)
        : loop_(loop),
          config_(config),
          context_{
              .loop = loop,
              .config = config.ssh,
              .anonymous_config = config.anonymous,
              .identity = std::move(identity),
              .authz = AuthzLink(loop, config.authz_socket()),
              .refusals = Refusals(loop, context_.authz),
              .live = LiveLink(loop, config.authz_socket(), Door::gateway),
              .unauthenticated = UnauthenticatedLimit(config.ssh.max_unauthenticated,
                                                      config.ssh.max_unauthenticated_per_source),
              .login_budget = {},
              .anonymous = UnauthenticatedLimit(config.anonymous.max_sessions,
                                                config.anonymous.max_sessions_per_source, "are fetching"),
              .accounts = Accounts(limits_of(config), config.ssh.worker_count()),
              .balancers = Balancers(config.listen.proxy_protocol_from, config.listen.max_awaiting_header,
                                     numbers.awaiting_header),
              .file_servers =
                  FileServers(loop, config.upstream, FileServers::Memory::kept,
                              [&metrics](const EndpointAttempt& attempt) { metrics.count_attempt(attempt); }),
              .scratch = {},
              .notice = read_notice(config.ssh.notice_file),
              .maintenance = {},
              .metrics = metrics,
              .numbers = numbers,
              .connections = {}},
          signals_(loop, SIGTERM, SIGINT),
          control_(loop, sockets.control.release()) {
        context_.unauthenticated.show_in(context_.numbers.unauthenticated);
        for (Fd& listener : sockets.listeners) {
            set_tcp_options(listener.get(), ssh::options_for_clients);  // accepted sockets inherit them
            listeners_.push_back(
                {asio::posix::stream_descriptor(loop, listener.release()), serve_connection, true});
        }
        for (Fd& listener : sockets.git_listeners) {
            listeners_.push_back(
                {asio::posix::stream_descriptor(loop, listener.release()), serve_git_connection, false});
        }
    }

    void start() {
        asio::co_spawn(loop_, watch_master(), asio::detached);
        asio::co_spawn(loop_, context_.refusals.run(), asio::detached);
        for (auto& listener : listeners_) asio::co_spawn(loop_, accept(listener), asio::detached);
        asio::co_spawn(loop_, watch_signals(), asio::detached);
        asio::co_spawn(loop_, trim_accounts(), asio::detached);
        (void)::send(control_.native_handle(), "ready", 5, MSG_NOSIGNAL);
    }

  private:
    // A socket, and what is done with who connects there.
    struct Listener {
        asio::posix::stream_descriptor socket;
        asio::awaitable<void> (*serve)(WorkerContext&, Fd, IpAddress);
        bool holds_earlier_ones;  // perhaps, in its queue: they connected before it had its options
    };

    asio::awaitable<void> accept(Listener& listener) {
        while (!context_.draining) {
            const bool ready = co_await wait_ready(listener.socket, listener.socket.wait_read);
            if (!ready) co_return;
            if (!accept_some(listener)) co_await pause_for(std::chrono::milliseconds(100));
        }
    }

    // False: the system has no more descriptors or memory; try again later rather than at once.
    bool accept_some(Listener& listener) {
        for (int i = 0; i < accepts_per_wake; ++i) {
            sockaddr_storage peer{};
            socklen_t size = sizeof peer;
            Fd socket(::accept4(listener.socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (socket) {
                const auto address = IpAddress::of_socket(peer);
                if (!address) continue;
                if (listener.holds_earlier_ones) set_tcp_options(socket.get(), ssh::options_for_clients);
                ++serving_;
                asio::co_spawn(loop_, listener.serve(context_, std::move(socket), *address),
                               [this](std::exception_ptr) { --serving_; });
            } else if (errno == EAGAIN) {
                listener.holds_earlier_ones = false;
                return true;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                rationed_log().write(log::Level::warn, "cannot accept", "", {{"why", errno_text("accept4")}});
                return false;
            }
        }
        return true;
    }

    asio::awaitable<void> watch_signals() {
        asio::error_code failed;
        co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return;
        drain("signal");
        co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
        if (!failed) hurried_ = true;
    }

    asio::awaitable<void> trim_accounts() {
        while (true) {
            co_await pause_for(trim_every);
            context_.accounts.trim();
        }
    }

    // The master tells about maintenance before the first client; that it closes its end is news, too.
    asio::awaitable<void> watch_master() {
        std::function<void(std::string_view)> on_word = [this](std::string_view word) { hear(word); };
        co_await hear_master(control_, std::move(on_word));
        drain("the master closed its connection");
    }

    void hear(std::string_view message) {
        if (!message.starts_with(maintenance_word)) return;
        context_.maintenance = message.substr(maintenance_word.size());
    }

    void drain(const char* why) {
        if (std::exchange(context_.draining, true)) return;
        log::info("draining", {{"why", why}, {"connections", context_.connections.size()}});
        for (auto& listener : listeners_) {
            accept_rest(listener);
            asio::error_code ignored;
            listener.socket.close(ignored);
        }
        asio::co_spawn(loop_, await_end(), asio::detached);
    }

    // Who is in the kernel's queue has connected, for all they know: the last close would cut them off.
    // Others may listen at the same socket, and a crowd that keeps coming is theirs.
    void accept_rest(Listener& listener) {
        pollfd waiting{listener.socket.native_handle(), POLLIN, 0};
        for (int turn = 0; turn < 64 && ::poll(&waiting, 1, 0) == 1; ++turn) {
            if (!accept_some(listener)) return;
        }
    }

    asio::awaitable<void> await_end() {
        const auto started = std::chrono::steady_clock::now();
        const auto lasts = [&] { return std::chrono::steady_clock::now() - started; };
        while (somebody_is_here(lasts() <= login_patience) && lasts() < config_.ssh.drain_timeout &&
               !hurried_) {
            close_idle(lasts() > login_patience);
            co_await pause_for(std::chrono::milliseconds(50));
        }
        const auto deadline = std::chrono::steady_clock::now() + farewell_patience;
        if (somebody_is_here(false)) end_sessions();
        while ((somebody_is_here(false) || context_.authz.owes_reports()) &&
               std::chrono::steady_clock::now() < deadline) {
            co_await pause_for(std::chrono::milliseconds(50));
        }
        co_await context_.refusals.finish();
        rationed_log().close_all();
        loop_.stop();
    }

    void end_sessions() {
        log::warn("ending the remaining sessions",
                  {{"connections", context_.connections.size() + context_.git_connections}});
        context_.live.end_all(LiveEnd::stopped);
        close_idle(true);
    }

    // arriving: who is not known as a connection yet, as long as the balancer's header is under way, counts.
    [[nodiscard]] bool somebody_is_here(bool arriving) const {
        return !context_.connections.empty() || context_.git_connections > 0 || (arriving && serving_ > 0);
    }

    // A connection that never asked for anything may be about to; one that did may still be reading.
    void close_idle(bool also_new) {
        const auto long_ago = std::chrono::steady_clock::now() - ssh::time_to_leave;
        std::vector<std::shared_ptr<ssh::Connection>> idle;
        for (ssh::Connection* connection : context_.connections) {
            const bool never_asked = also_new && !connection->had_channels();
            if (never_asked || connection->finished_before(long_ago))
                idle.push_back(connection->shared_from_this());
        }
        for (const auto& connection : idle)
            connection->disconnect(ssh::EndReason::drained, "Gerve is restarting. Connect again.");
    }

    asio::io_context& loop_;
    const Config& config_;
    WorkerContext context_;
    asio::signal_set signals_;
    asio::posix::stream_descriptor control_;
    std::vector<Listener> listeners_;
    bool hurried_ = false;  // by a second SIGTERM: what still runs is ended
    unsigned serving_ = 0;  // accepted and not over, those that are turned away included
};

Result<ssh::ServerIdentity> load_identity(const Config& config) {
    if (!config.ssh.host_keys.empty()) return ssh::ServerIdentity::load(config.ssh, config.ssh.host_keys);
    const auto made = make_host_keys(config.state);
    if (!made) return pass_on(made);
    return ssh::ServerIdentity::load(config.ssh, *made);
}

}  // namespace

int run_worker(const Config& config, WorkerSockets sockets) {
    log::start("worker", config.log.level);
    raise_open_files_limit();
    auto identity = load_identity(config);
    if (!identity) {
        log::error("cannot start", {{"why", describe(identity.error())}});
        return 1;
    }
    asio::io_context loop(1);
    auto& metrics = numbers_of<GatewayMetrics>(sockets.metrics);
    Worker worker(loop, config, std::move(*identity), metrics, metrics.claim_worker(), std::move(sockets));
    auto confined = give_up_rights(config.authz.worker_user);
    if (confined) confined = confine();
    if (!confined) {
        log::error("cannot start", {{"why", describe(confined.error())}});
        return 1;
    }
    worker.start();
    loop.run();
    // Sessions that outstayed drain_timeout wait in the loop, and refer to what goes before it: the kernel
    // takes all of it back.
    std::_Exit(0);
}

}  // namespace gerve

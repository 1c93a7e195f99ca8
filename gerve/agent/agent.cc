#include "gerve/agent/agent.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "authz/base/rationed_log.h"
#include "authz/os/service_manager.h"
#include "gerve/agent/forge/forge_proof.h"
#include "gerve/agent/lane.h"
#include "gerve/agent/repository/git_process.h"
#include "gerve/agent/repository/repositories.h"
#include "gerve/loop/timer.h"

namespace gerve {
namespace {

std::size_t open_files_limit() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Result<std::vector<Listener>> open_listeners(const AgentConfig& config, AgentSockets& sockets) {
    std::vector<Listener> listeners;
    // Inherited sockets stand for the configured ones: whoever passes them has bound them already.
    const bool bind = sockets.listeners.empty();
    for (const std::string& endpoint : bind ? config.listen : std::vector<std::string>{}) {
        auto listener = open_listener(endpoint, config.limits);
        if (!listener) return pass_on(listener);
        listeners.push_back(std::move(*listener));
    }
    for (Fd& socket : sockets.listeners) {
        auto listener = inherit_listener(std::move(socket), config.limits);
        if (!listener) return pass_on(listener);
        listeners.push_back(std::move(*listener));
    }
    return listeners;
}

// What only shows once the sockets are known.
std::string_view cannot_work(const AgentConfig& config, const std::vector<Listener>& listeners) {
    if (listeners.empty()) return "no address to listen on: set `listen`, or use --listen-fd";
    for (const Listener& listener : listeners) {
        if (!listener.unix_socket && config.ticket_keys.empty()) {
            return "a listener that is not a unix socket needs ticket_keys";
        }
    }
    return "";
}

// The whole process: the lanes in their threads, and the signals and the master in the first one.
class Agent {
    static constexpr std::chrono::milliseconds socket_look{1'000};  // between two looks at the sockets' files

  public:
    Agent(AgentConfig config, std::size_t open_files, std::vector<Listener> listeners, Fd control,
          DescriptorBudget budget, std::function<ConfigResult<AgentConfig>()> reload)
        : state_(std::move(config), open_files, budget),
          listeners_(std::move(listeners)),
          reload_(std::move(reload)) {
        for (unsigned i = 0; i < state_.config()->thread_count(); ++i) {
            lanes_.push_back(std::make_unique<AcceptingLane>(state_, listeners_));
        }
        if (control) master_.emplace(loop_, control.release());
    }

    void run() {
        signals_.add(SIGUSR1);
        wait_for_signal();
        for (const auto& lane : lanes_) threads_.emplace_back([this, &lane] { run_lane(*lane); });
        if (master_) watch_master();
        look_at_sockets();
        close_ration();
        const auto config = state_.config();
        log::info("serving", {{"name", config->name},
                              {"root", config->root},
                              {"layout", name_in(layout_names, config->layout)},
                              {"threads", lanes_.size()}});
        notify_service_manager("READY=1\nSTATUS=Serving.");
        state_.administration.post({}, [config] { Repositories(config->root, config->layout).clean_up(); });
        prove(config);
        loop_.run();
        for (std::thread& thread : threads_) thread.join();
        // No operation waits for them any more. A thread that waits for a disk cannot be joined.
        const bool hangs = state_.waits_for_disk();
        rationed_log().close_all();
        log::info("stopped", {{"disk", hangs ? "a call has not returned" : "idle"}});
        if (hangs) ::_exit(0);
    }

  private:
    // Fetches do not wait for it; a push is refused for as long as something of the machine is not proven.
    void prove(const std::shared_ptr<const AgentConfig>& config) {
        if (!config->forge) return;
        state_.administration.post({}, [config] {
            for (const ProofLine& line : prove_forge(*config->forge, config->root)) {
                log::write(line.holds ? log::Level::info : log::Level::error,
                           line.holds ? "the forge's hooks: proven" : "the forge's hooks would not work",
                           {{"what", line.text}});
            }
        });
    }

    void run_lane(AcceptingLane& lane) {
        lane.run();
        asio::post(loop_, [this] {
            if (++lanes_over_ == lanes_.size()) loop_.stop();
        });
    }

    void close_ration() {
        ration_.arm(std::chrono::seconds(1), [this] {
            rationed_log().close_due();
            close_ration();
        });
    }

    void wait_for_signal() {
        signals_.async_wait([this](std::error_code error, int number) {
            if (error) return;
            wait_for_signal();
            if (number == SIGHUP) {
                look_at_sockets();
                return reload();
            }
            if (number == SIGUSR1) return expect_shutdown();
            state_.draining ? end_sessions() : drain();
        });
    }

    // It says nothing; its end is all that can come.
    void watch_master() {
        static_cast<void>(::send(master_->native_handle(), "ready", 5, MSG_NOSIGNAL));
        wait_for_master();
    }
    void wait_for_master() {
        master_->async_wait(asio::posix::stream_descriptor::wait_read, [this](std::error_code error) {
            char message[64];
            const ssize_t got = ::recv(master_->native_handle(), message, sizeof message, MSG_DONTWAIT);
            if (!error && (got > 0 || (got < 0 && errno == EAGAIN))) return wait_for_master();
            if (!state_.draining) drain();
        });
    }

    void drain() {
        log::info("draining", {{"operations", running()}});
        notify_service_manager("STOPPING=1\nSTATUS=Draining: operations finish. A second SIGTERM ends them.");
        state_.draining = true;
        look_.cancel();
        remove_sockets();
        for (const auto& lane : lanes_) asio::post(lane->loop(), [&lane] { lane->drain(); });
        const AgentLimits& limits = state_.config()->limits;
        end_sessions_in(limits.drain_timeout);
        if (machine_stops_) end_sessions_in(limits.shutdown_timeout);
    }

    // An earlier call may have named an earlier time.
    void end_sessions_in(std::chrono::milliseconds time) {
        const auto now = std::chrono::steady_clock::now();
        ends_at_ = std::min(ends_at_, now + time);
        patience_.arm(std::chrono::ceil<std::chrono::milliseconds>(ends_at_ - now),
                      [this] { end_sessions(); });
    }

    // The SIGTERM that follows is to be obeyed before the machine is down.
    void expect_shutdown() {
        log::info("the machine is shutting down");
        machine_stops_ = true;
        if (state_.draining) end_sessions_in(state_.config()->limits.shutdown_timeout);
    }

    void end_sessions() {
        log::warn("ending the remaining operations", {{"operations", running()}});
        for (const auto& lane : lanes_) {
            asio::post(lane->loop(), [&lane] { lane->end_sessions("the agent is stopping"); });
        }
    }

    [[nodiscard]] unsigned running() const {
        return state_.operations.running() + state_.lfs_operations.running();
    }

    void remove_sockets() {
        for (const Listener& listener : listeners_) {
            if (listener.file) listener.file->remove();
        }
        listeners_.clear();
    }

    // Somebody may have removed a socket's file, or put something in its place: nobody could connect any
    // more.
    void look_at_sockets() {
        if (state_.draining) return;
        for (std::size_t i = 0; i < listeners_.size(); ++i) {
            if (listeners_[i].file && !listeners_[i].file->is_there()) open_again(i);
        }
        look_.arm(socket_look, [this] { look_at_sockets(); });
    }

    void open_again(std::size_t i) {
        const std::string path = listeners_[i].file->path();
        const auto failed = [&path](const std::string& why) {
            rationed_log().write(log::Level::error, "a socket file was removed and cannot be created again",
                                 path, {{"path", path}, {"why", why}});
        };
        auto opened = open_listener("unix:" + path, state_.config()->limits);
        if (!opened) return failed(describe(opened.error()));
        std::vector<std::shared_ptr<Fd>> doors;  // of all lanes, or of none
        for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
            doors.push_back(std::make_shared<Fd>(::fcntl(opened->socket.get(), F_DUPFD_CLOEXEC, 3)));
            if (!*doors.back()) {
                const std::string why = errno_text("cannot duplicate a descriptor");
                opened->file->remove();  // looked for, and made, again
                return failed(why);
            }
        }
        log::warn("a socket file was removed: creating it again", {{"path", path}});
        for (std::size_t n = 0; n < lanes_.size(); ++n) {
            AcceptingLane& lane = *lanes_[n];
            asio::post(lane.loop(), [&lane, i, door = doors[n]] { lane.replace_door(i, std::move(*door)); });
        }
        listeners_[i] = std::move(*opened);
    }

    void reload() {
        auto next = reload_();
        if (!next) {
            for (const ConfigProblem& problem : next.error()) {
                log::error("configuration not reloaded", {{"problem", problem.format()}});
            }
            return;
        }
        const auto now = state_.config();
        if (next->name != now->name || next->root != now->root || next->layout != now->layout ||
            next->listen != now->listen || next->thread_count() != now->thread_count()) {
            log::error(
                "configuration not reloaded: changes of name, root, layout, listen and threads need a "
                "restart");
            return;
        }
        log::set_level(next->log.level);
        state_.replace_config(std::move(*next));
        log::info("configuration reloaded");
        prove(state_.config());
    }

    AgentState state_;
    asio::io_context loop_{1};
    asio::signal_set signals_{loop_, SIGTERM, SIGINT, SIGHUP};
    bool machine_stops_ = false;
    std::chrono::steady_clock::time_point ends_at_ = std::chrono::steady_clock::time_point::max();
    std::optional<asio::posix::stream_descriptor> master_;
    Timer patience_{loop_};
    Timer look_{loop_};
    Timer ration_{loop_};
    std::vector<Listener> listeners_;
    std::function<ConfigResult<AgentConfig>()> reload_;
    std::vector<std::unique_ptr<AcceptingLane>> lanes_;
    std::vector<std::thread> threads_;
    std::size_t lanes_over_ = 0;
};

}  // namespace

int run_agent(AgentConfig config, AgentSockets sockets, std::function<ConfigResult<AgentConfig>()> reload) {
    ::signal(SIGPIPE, SIG_IGN);
    const std::size_t open_files = open_files_limit();
    const auto budget = DescriptorBudget::from(raise_open_files_limit(), config.thread_count());
    if (budget.operations < config.limits.max_operations) {
        log::warn("the hard limit of open files limits operations: raise it (LimitNOFILE)",
                  {{"max_operations", config.limits.max_operations}, {"at_once", budget.operations}});
    }
    auto listeners = open_listeners(config, sockets);
    if (!listeners) {
        log::error("cannot serve", {{"error", describe(listeners.error())}});
        return 1;
    }
    if (const auto why = cannot_work(config, *listeners); !why.empty()) {
        log::error("cannot serve", {{"error", why}});
        return 2;
    }
    Agent agent(std::move(config), open_files, std::move(*listeners), std::move(sockets.control), budget,
                std::move(reload));
    agent.run();
    return 0;
}

}  // namespace gerve

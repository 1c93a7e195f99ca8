#include "gerve/master/master.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <thread>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/os/service_manager.h"
#include "authz/os/signals.h"
#include "authz/state_directory.h"
#include "gerve/master/config_report.h"
#include "gerve/master/leavers.h"
#include "gerve/master/maintenance.h"
#include "gerve/process/control_words.h"

namespace gerve {
namespace {

constexpr std::int64_t predecessor_patience = 5'000;  // ms: a dead master's children let go of its sockets
constexpr std::int64_t reload_patience = 30'000;      // ms: a new crew must be ready by then
constexpr std::int64_t drain_margin = 5'000;          // ms past ssh.drain_timeout, which the workers keep
constexpr std::int64_t hurry_margin = 5'000;          // ms between the second SIGTERM and SIGKILL
constexpr std::int64_t backstage_margin =
    3'000;                                     // ms that authz and agent always have once no worker is left
constexpr std::int64_t socket_look = 1'000;    // ms between two looks at the files of the unix sockets
constexpr std::int64_t socket_retry = 10'000;  // ms after such a file could not be made again
constexpr unsigned tolerated_failed_starts = 3;
constexpr std::array backstage{Role::agent, Role::authz, Role::metrics};  // go when no worker is left

class Master {
  public:
    explicit Master(const MasterOptions& options) : options_(options) {}

    int run() {
        const int status = start();
        if (status != 0) return status;
        while (phase_ != Phase::over) {
            wait();
            handle_signals();
            if (maintenance_->look()) tell_maintenance();
            crew_->read_controls();
            if (next_) next_->read_controls();
            step(monotonic_now());
        }
        log::info("stopped");
        return exit_status_;
    }

  private:
    // Draining: workers finish their sessions, for which authz and agent are still needed.
    // Ending: no worker is left; the others go.
    enum class Phase { starting, running, draining, ending, over };

    int start() {
        auto config = options_.load();
        if (!config) {
            print_problems(config.error());
            return 2;
        }
        auto started = start_with(std::move(*config));
        if (started) return 0;
        std::fprintf(stderr, "gerve: %s\n", describe(started.error()).c_str());
        return 1;
    }

    Result<void> start_with(Config config) {
        if (auto provided = provide_open_files(); !provided) return provided;
        if (auto made = make_state_directory(config.state); !made) return made;
        auto lock = StateLock::take(config.state);
        if (!lock) return pass_on(lock);
        lock_ = std::make_unique<StateLock>(std::move(*lock));
        ::signal(SIGPIPE, SIG_IGN);
        auto signals = take_signals({SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD});
        if (!signals) return pass_on(signals);
        signals_ = std::move(*signals);
        auto maintenance = MaintenanceWatch::open(config.state);
        if (!maintenance) return pass_on(maintenance);
        maintenance_ = std::make_unique<MaintenanceWatch>(std::move(*maintenance));
        (void)maintenance_->look();
        if (auto prepared = options_.prepare(config); !prepared) return prepared;
        auto sockets = open_first_sockets(config);
        if (!sockets) return pass_on(sockets);
        auto crew = Crew::make(std::move(config), std::move(*sockets), options_.programs);
        if (!crew) return pass_on(crew);
        crew_ = std::make_unique<Crew>(std::move(*crew));
        crew_->set_maintenance(maintenance_->text());
        crew_->start_due(monotonic_now());
        return {};
    }

    Result<CrewSockets> open_first_sockets(const Config& config) {
        const std::int64_t deadline =
            monotonic_now() + (lock_->predecessor_died() ? predecessor_patience : 0);
        while (true) {
            auto sockets = open_sockets(config, {});
            if (sockets || monotonic_now() >= deadline) return sockets;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }

    void wait() {
        std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}, {maintenance_->fd(), POLLIN, 0}};
        crew_->add_to(polled);
        if (next_) next_->add_to(polled);
        const std::int64_t due = next_deadline();
        const std::int64_t left =
            due == never ? -1 : std::clamp<std::int64_t>(due - monotonic_now(), 0, 60'000);
        if (::poll(polled.data(), polled.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
            log::error(errno_text("poll"));
        }
    }

    [[nodiscard]] std::int64_t next_deadline() const {
        std::int64_t due = std::min({crew_->next_due(), stop_deadline_, hurry_at_});
        if (phase_ == Phase::running && !next_) due = std::min(due, sockets_looked_at_);
        if (next_) due = std::min({due, next_->next_due(), reload_deadline_});
        return std::min(due, leavers_.next_deadline());
    }

    void handle_signals() {
        for (int number = next_signal(signals_); number != 0; number = next_signal(signals_)) {
            if (number == SIGHUP) reload_asked_ = true;
            if (number == SIGTERM) stop(false);
            if (number == SIGINT) stop(crew_->config().embedded);
            if (number == SIGUSR1) expect_shutdown();
        }
        // One SIGCHLD may stand for many children, and as process 1 of a container there are others' as well.
        int status = 0;
        for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
            note_end(pid, status);
        }
    }

    void tell_maintenance() {
        crew_->set_maintenance(maintenance_->text());
        if (next_) next_->set_maintenance(maintenance_->text());
        leavers_.tell_maintenance(maintenance_->text());
    }

    void note_end(pid_t pid, int status) {
        const std::int64_t now = monotonic_now();
        if (crew_->note_end(pid, status, now) || (next_ && next_->note_end(pid, status, now))) return;
        leavers_.note_end(pid);
    }

    void step(std::int64_t now) {
        leavers_.kill_overdue(now);
        if (now >= hurry_at_) hurry(now);
        switch (phase_) {
            case Phase::starting: return step_starting(now);
            case Phase::running: return step_running(now);
            case Phase::draining: return step_draining(now);
            case Phase::ending: return step_ending(now);
            case Phase::over: return;
        }
    }

    void step_starting(std::int64_t now) {
        if (crew_->most_failed_starts() >= tolerated_failed_starts) {
            log::error("giving up: a child keeps ending before it is ready");
            exit_status_ = 1;
            return stop(true);
        }
        crew_->start_due(now);
        if (!crew_->is_ready()) return;
        phase_ = Phase::running;
        announce();
    }

    void announce() {
        std::vector<ListenAddress> addresses;
        for (const auto& listener : crew_->sockets().tcp) {
            addresses.push_back(listener->bound);
            log::info("serving", {{"address", listener->bound.text()}});
        }
        for (const auto& git : crew_->sockets().git) log::info("serving", {{"git", git->bound.text()}});
        notify_service_manager("READY=1\nSTATUS=Serving.");
        options_.announce(crew_->config(), addresses);
    }

    void step_running(std::int64_t now) {
        crew_->start_due(now);
        if (next_) return step_reload(now);
        if (reload_asked_) return begin_reload(now);
        if (now >= sockets_looked_at_) look_at_sockets(now);
    }

    // A socket that lost its name cannot get it back. New processes start on a new one, as after SIGHUP, and
    // the old ones finish what they do.
    void look_at_sockets(std::int64_t now) {
        sockets_looked_at_ = now + socket_look;
        if (options_.look) options_.look();
        const std::string gone = crew_->sockets().unreachable();
        if (gone.empty()) return;
        log::warn("a socket file was removed: creating it again", {{"path", gone}});
        sockets_looked_at_ = now + socket_retry;
        begin_reload_with(crew_->config(), now);
    }

    // ---- reload

    void begin_reload(std::int64_t now) {
        reload_asked_ = false;
        auto config = options_.load();
        if (!config) return log_refused_reload(config.error());
        begin_reload_with(std::move(*config), now);
    }

    void begin_reload_with(Config config, std::int64_t now) {
        auto crew = prepare_next(std::move(config));
        if (!crew) return log_refused_reload({ConfigProblem{"", 0, 0, describe(crew.error()), ""}});
        next_ = std::make_unique<Crew>(std::move(*crew));
        next_->set_maintenance(maintenance_->text());
        next_->start_due(now);
        reload_deadline_ = now + reload_patience;
    }

    Result<Crew> prepare_next(Config config) {
        if (config.state != crew_->config().state) {
            return internal_error(
                "the state directory cannot change while gerve serve runs: restart gerve serve");
        }
        if (auto prepared = options_.prepare(config); !prepared) return pass_on(prepared);
        auto sockets = open_sockets(config, crew_->sockets());
        if (!sockets) return pass_on(sockets);
        return Crew::make(std::move(config), std::move(*sockets), options_.programs);
    }

    void step_reload(std::int64_t now) {
        if (next_->is_ready()) {
            leavers_.take(*crew_, now + crew_->config().ssh.drain_timeout.count() + drain_margin);
            crew_ = std::move(next_);
            log::set_level(crew_->config().log.level);
            for (const auto& listener : crew_->sockets().tcp) {
                log::info("reloaded", {{"address", listener->bound.text()}});
            }
        } else if (next_->most_failed_starts() > 0 || now >= reload_deadline_) {
            abandon_reload(now);
            log_refused_reload(
                {ConfigProblem{crew_->config().file, 0, 0, "the new processes did not become ready", ""}});
        }
    }

    void abandon_reload(std::int64_t now) {
        if (next_) leavers_.take(*next_, now + hurry_margin);
        next_.reset();
    }

    // ---- end

    void stop(bool at_once) {
        const std::int64_t now = monotonic_now();
        if (phase_ == Phase::ending || phase_ == Phase::over) return hurry(now);
        if (phase_ == Phase::draining) at_once = true;
        abandon_reload(now);
        if (phase_ != Phase::draining) {
            log::info("stopping", {{"drain", at_once ? "no" : "yes"}});
            notify_service_manager(
                "STOPPING=1\nSTATUS=Draining: sessions finish. To end them now: systemctl kill -s TERM "
                "--kill-whom=main gerve");
            crew_->tell(Role::metrics, draining_word);
            crew_->close_tcp();
            crew_->dismiss(Role::worker);
            phase_ = Phase::draining;
            stop_deadline_ = now + crew_->config().ssh.drain_timeout.count() + drain_margin;
            if (machine_stops_) hurry_in_time_for_shutdown(now);
        }
        if (at_once) hurry(now);
    }

    // The service manager says so before it sends SIGTERM, or while a drain lasts.
    void expect_shutdown() {
        log::info("the machine is shutting down");
        machine_stops_ = true;
        if (phase_ == Phase::draining || phase_ == Phase::ending) hurry_in_time_for_shutdown(monotonic_now());
    }

    void hurry_in_time_for_shutdown(std::int64_t now) {
        hurry_at_ = now + crew_->config().ssh.shutdown_timeout.count();
    }

    // Processes end what they do; SIGKILL follows.
    void hurry(std::int64_t now) {
        hurry_at_ = never;
        crew_->hurry(Role::worker);
        crew_->dismiss(Role::agent);
        leavers_.hurry(now + hurry_margin);
        stop_deadline_ = std::min(stop_deadline_, now + hurry_margin);
    }

    void step_draining(std::int64_t now) {
        if (now >= stop_deadline_) {
            crew_->signal(Role::worker, SIGKILL);
            stop_deadline_ = now + hurry_margin;
        }
        if (crew_->is_running(Role::worker) || leavers_.has_workers()) return crew_->start_due(now);
        for (const Role role : backstage) crew_->dismiss(role);
        phase_ = Phase::ending;
        // Git operations whose clients are gone may still be at work on the file server's side.
        stop_deadline_ = std::max(stop_deadline_, now + backstage_margin);
        step_ending(now);
    }

    void step_ending(std::int64_t now) {
        if (now >= stop_deadline_) {
            for (const Role role : backstage) crew_->signal(role, SIGKILL);
            leavers_.kill_all();
            stop_deadline_ = never;
        }
        const bool some_left = std::any_of(backstage.begin(), backstage.end(),
                                           [&](Role role) { return crew_->is_running(role); });
        if (some_left || !leavers_.empty()) return;
        phase_ = Phase::over;
    }

    const MasterOptions& options_;
    Phase phase_ = Phase::starting;
    std::unique_ptr<StateLock> lock_;
    Fd signals_;
    std::unique_ptr<MaintenanceWatch> maintenance_;
    std::unique_ptr<Crew> crew_;
    std::unique_ptr<Crew> next_;  // of a reload that is under way
    Leavers leavers_;             // of the crews before
    bool reload_asked_ = false;
    std::int64_t reload_deadline_ = never;
    std::int64_t sockets_looked_at_ = 0;  // when they are, the next time
    std::int64_t stop_deadline_ = never;
    bool machine_stops_ = false;
    std::int64_t hurry_at_ = never;
    int exit_status_ = 0;
};

}  // namespace

int run_master(const MasterOptions& options) {
    return Master(options).run();
}

}  // namespace gerve

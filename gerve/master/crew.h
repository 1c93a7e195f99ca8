// A crew: one configuration's authz, workers, metrics and (in the embedded default) agent, kept running by
// the master.
#pragma once

#include <poll.h>
#include <signal.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/config.h"
#include "gerve/master/child.h"
#include "gerve/master/listener.h"
#include "gerve/master/restart_policy.h"

namespace gerve {

enum class Role { authz, agent, worker, metrics };
[[nodiscard]] std::string_view role_name(Role role);

// A worker or an agent drains at its first signal, and ends what it does at its second. They differ, because
// two pending signals of one number are delivered as one.
constexpr int finish_signal = SIGTERM;
constexpr int hurry_signal = SIGINT;

// What the children of a crew count in. The next crew goes on with it, unless the program is another by then.
struct MetricsPages {
    Fd gateway;
    Fd authz;
    std::string made_for;  // which file the program was
};

// The sockets of a crew. The next crew shares those that its configuration names again.
struct CrewSockets {
    std::vector<std::shared_ptr<TcpListener>> tcp;
    std::vector<std::shared_ptr<TcpListener>> git;  // git://
    std::shared_ptr<UnixListener> authz;
    std::shared_ptr<UnixListener> agent;   // none unless embedded
    std::shared_ptr<TcpListener> metrics;  // none unless configured
    std::shared_ptr<MetricsPages> pages;   // likewise

    // The path of a unix socket whose name is gone (UnixListener::is_reachable), or nothing.
    [[nodiscard]] std::string unreachable() const;
};

// Opens what `config` names and `held` has not. Error: internal; then nothing has changed.
[[nodiscard]] Result<CrewSockets> open_sockets(const Config& config, const CrewSockets& held);

struct Programs {
    std::string gerve;
    std::string agent;
};

// A process that a crew has let go. Its control socket stays open for as long as it lives: the end of that
// would tell it that the master died.
struct CrewMember {
    Role role;
    ChildProcess process;
};

class Crew {
  public:
    // Starts nothing yet. Error: internal.
    [[nodiscard]] static Result<Crew> make(Config config, CrewSockets sockets, Programs programs);

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] const CrewSockets& sockets() const { return sockets_; }

    // Starts every member that is missing and due. Times are of monotonic_now().
    void start_due(std::int64_t now);
    [[nodiscard]] std::int64_t next_due() const;  // the time of the next start; max() when nobody is missing

    // Takes note of a process that ended; false when it was not one of this crew.
    bool note_end(pid_t pid, int wait_status, std::int64_t now);

    // The control sockets to poll, and reading from those that have something.
    void add_to(std::vector<pollfd>& polled) const;
    void read_controls();

    [[nodiscard]] bool is_ready() const;             // every member runs and said so
    [[nodiscard]] bool is_running(Role role) const;  // at least one member of that role runs
    [[nodiscard]] unsigned most_failed_starts() const;

    // No new connection is accepted.
    void close_tcp() {
        sockets_.tcp.clear();
        sockets_.git.clear();
    }
    // No member of the role is started any more; those that run are asked to finish.
    void dismiss(Role role);
    // The same, but they end what they do.
    void hurry(Role role);
    void signal(Role role, int number) const;
    // Says a word to the members of a role over their control sockets.
    void tell(Role role, std::string_view word) const;
    // Tells workers and metrics, and whoever takes their place, what clients are told (maintenance.h).
    void set_maintenance(const std::string& text);
    // Lets the processes go: the crew starts nobody any more.
    [[nodiscard]] std::vector<CrewMember> release();

  private:
    struct Place {
        Role role;
        ChildProcess child{};  // pid -1: nobody
        bool ready = false;
        bool dismissed = false;
        std::int64_t started = 0;
        std::int64_t due = 0;
        RestartPolicy policy{};
    };

    Crew(Config config, CrewSockets sockets, Programs programs, Fd text);
    [[nodiscard]] ChildCommand command_for(Role role) const;
    void start(Place& place, std::int64_t now);
    void schedule(Place& place, const std::string& how, std::int64_t now);

    Config config_;
    CrewSockets sockets_;
    Programs programs_;
    Fd text_;  // the configuration's text, for the children to read
    std::vector<Place> places_;
    std::string maintenance_;
};

}  // namespace gerve

// One git process with its three pipes, usually in a process group of its own.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

struct GitStart {
    std::string program;                   // absolute path of git
    std::vector<std::string> arguments;    // behind "git"
    std::vector<std::string> environment;  // "NAME=value"; nothing else is inherited
    std::size_t open_files = 0;            // soft limit of open files for git; 0: that of this process
    int niceness = 0;                      // 0..19, added to the nice value of this process
    // When this process dies, git is not to be ended by SIGPIPE: it keeps a reader of its own output.
    bool survives = false;
    std::string directory = {};  // where it runs; empty: where this process does
    std::string name = "git";    // the first word of its command line
    // Further descriptors, and their numbers there, from 3 on.
    std::vector<std::pair<std::shared_ptr<const Fd>, int>> files = {};
    // False: it stays in the process group of this process, and gets the signals that are sent there.
    bool own_group = true;
    int input = 0;  // the number of its input there; another than 0: that is /dev/null
};

// How a process ended: by a signal (then `code` is 0) or with a status of 0..255.
struct GitEnd {
    int code = 0;
    int signal = 0;
};

class GitProcess {
  public:
    // Errors: unavailable, when the system is short of descriptors, processes or memory, which may pass;
    // internal, when it cannot be started at all. Blocks for a fraction of a
    // millisecond.
    [[nodiscard]] static Result<GitProcess> start(const GitStart& start);

    GitProcess(GitProcess&& other) noexcept;
    GitProcess& operator=(GitProcess&&) = delete;
    GitProcess(const GitProcess&) = delete;
    // Kills the whole group (see signal_group) and waits for the process if nobody has reaped it.
    ~GitProcess();

    // The ends of the pipes that belong to this side, to be taken by whoever relays them.
    Fd in;
    Fd out;
    Fd err;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool reaped() const { return reaped_; }

    // Readable once the process has ended.
    [[nodiscard]] Result<Fd> open_pidfd() const;
    [[nodiscard]] bool has_ended() const;

    // To every member of the group; to the process alone if it has no group of its own. Without effect after
    // the process was reaped, for then the number of the group may already be another's.
    void signal_group(int number) const;

    [[nodiscard]] GitEnd reap();  // blocks until the process has ended

  private:
    GitProcess(pid_t pid, bool leads_group) : pid_(pid), leads_group_(leads_group) {}
    pid_t pid_;
    bool leads_group_;
    bool reaped_ = false;
};

// Reserves descriptors 0, 1 and 2, if they are closed, so that no pipe of a GitProcess can land there.
void reserve_standard_descriptors();

}  // namespace gerve

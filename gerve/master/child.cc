#include "gerve/master/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace gerve {
namespace {

// posix_spawn's two argument objects, freed with the scope.
struct SpawnPlan {
    SpawnPlan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

// The master's own group gets the terminal's Ctrl-C; the children are told by the master, in order.
void reset_signals_and_group(SpawnPlan& plan) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&plan.attributes, &none);
    posix_spawnattr_setsigdefault(&plan.attributes, &all);
    posix_spawnattr_setpgroup(&plan.attributes, 0);
    posix_spawnattr_setflags(&plan.attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

std::vector<std::string> clean_environment() {
    std::vector<std::string> out{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
    // The time zone of the log, and what the sanitizers of a test build are told.
    for (const char* name : {"TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
        const char* value = std::getenv(name);
        if (value != nullptr) out.push_back(std::string(name) + "=" + value);
    }
    return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

constexpr int above_any_target = 200;
constexpr rlim_t least_open_files = 256;  // beyond the duplicates, and for a worker with a few connections
constexpr rlim_t usual_open_files = 1024;

// A duplicate far above the numbers that the child gets, so that no dup2 overwrites the source of another.
Fd duplicate_above(int fd) {
    return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, above_any_target));
}

}  // namespace

// No further than usual: git on the embedded file server gets the soft limit that this process has.
Result<void> provide_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return internal_error(errno_text("getrlimit"));
    if (limit.rlim_cur < usual_open_files && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = std::min(limit.rlim_max, usual_open_files);
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return internal_error(errno_text("setrlimit"));
    }
    if (limit.rlim_cur >= least_open_files) return {};
    return internal_error(
        "the limit of open files is " + std::to_string(limit.rlim_cur) + "; " +
        std::to_string(least_open_files) +
        " are needed at least, and one more for each connection: raise it (ulimit -n 65536, or "
        "LimitNOFILE=65536 in the unit)");
}

Result<ChildProcess> spawn_child(const ChildCommand& command) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return internal_error(errno_text("socketpair"));
    }
    ChildProcess child{-1, Fd(pair[0])};
    const Fd childs_end(pair[1]);

    SpawnPlan plan;
    reset_signals_and_group(plan);
    posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
    std::vector<Fd> sources;
    std::vector<int> inherited{childs_end.get()};
    inherited.insert(inherited.end(), command.inherited.begin(), command.inherited.end());
    for (const int fd : inherited) {
        const int target = child_control_fd + static_cast<int>(sources.size());
        sources.push_back(duplicate_above(fd));
        if (!sources.back()) return internal_error(errno_text("cannot duplicate a descriptor"));
        posix_spawn_file_actions_adddup2(&plan.actions, sources.back().get(), target);
    }

    std::vector<std::string> words{command.program};
    words.insert(words.end(), command.arguments.begin(), command.arguments.end());
    std::vector<std::string> environment = clean_environment();
    const int error = ::posix_spawn(&child.pid, command.program.c_str(), &plan.actions, &plan.attributes,
                                    pointers_to(words).data(), pointers_to(environment).data());
    if (error != 0) return internal_error("cannot start " + command.program + ": " + std::strerror(error));
    return child;
}

void tell_child(const ChildProcess& child, std::string_view word) {
    (void)::send(child.control.get(), word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::string describe_end(int wait_status) {
    if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
    if (!WIFSIGNALED(wait_status)) return "wait status " + std::to_string(wait_status);
    const int number = WTERMSIG(wait_status);
    return "signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

}  // namespace gerve

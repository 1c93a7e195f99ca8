#include "gerve/master/child.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "authz/os/spawn.h"

namespace gerve {
namespace {

std::vector<std::string> clean_environment() {
    std::vector<std::string> out{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
    // The time zone of the log, and what the sanitizers of a test build are told.
    for (const char* name : {"TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
        const char* value = std::getenv(name);
        if (value != nullptr) out.push_back(std::string(name) + "=" + value);
    }
    return out;
}

constexpr rlim_t least_open_files = 256;  // for a worker with a few connections
constexpr rlim_t usual_open_files = 1024;

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
        "the limit of open files is " + std::to_string(limit.rlim_cur) + "; at least " +
        std::to_string(least_open_files) +
        " are needed, and one more for each connection: raise the limit (ulimit -n 65536, or "
        "LimitNOFILE=65536 in the unit)");
}

Result<ChildProcess> spawn_child(const ChildCommand& command) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return internal_error(errno_text("socketpair"));
    }
    ChildProcess child{-1, Fd(pair[0])};
    const Fd childs_end(pair[1]);

    SpawnStart start{.program = command.program,
                     .words = {command.program},
                     .environment = clean_environment(),
                     .descriptors = {{childs_end.get(), child_control_fd}},
                     .null_input = true};
    start.words.insert(start.words.end(), command.arguments.begin(), command.arguments.end());
    for (const int fd : command.inherited)
        start.descriptors.push_back({fd, child_control_fd + static_cast<int>(start.descriptors.size())});
    // A group of its own: the terminal's Ctrl-C reaches the master, which tells its children in order.
    errno = spawn(start, child.pid);
    if (errno != 0) return internal_error(errno_text("cannot start " + command.program));
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

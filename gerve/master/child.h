// A child process of the master: its start with the sockets it inherits, and the line between the two.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// Where a child finds what it inherits. The flags --control-fd, --config-fd and --listen-fd name the numbers.
constexpr int child_control_fd = 3;
constexpr int child_first_fd = 4;

struct ChildCommand {
    std::string program;                 // path; found anew at each start, so that a new binary is taken up
    std::vector<std::string> arguments;  // without the program's name
    std::vector<int> inherited;          // borrowed; they become child_first_fd, child_first_fd + 1, …
};

// A running child. Its control socket is SOCK_SEQPACKET: the child sends "ready" once, and takes the end of
// the stream for the master's death.
struct ChildProcess {
    pid_t pid = -1;
    Fd control;  // non-blocking
};

// Starts it with a clean environment, default signals, its own process group and no other descriptor than
// stdin (/dev/null), stdout, stderr, its control socket and what it inherits. Error: internal.
[[nodiscard]] Result<ChildProcess> spawn_child(const ChildCommand& command);

// Before the first child: raises this process's soft limit of open files to what children need, where it may.
// Error: internal, telling how many are needed and the remedy.
[[nodiscard]] Result<void> provide_open_files();

// Says a word (gerve/process/control_words.h) to it, which it reads when it comes to; lost when it does not
// read for long.
void tell_child(const ChildProcess& child, std::string_view word);

// "exit status 3", "signal 11 (Segmentation fault)": a status of waitpid(2) in words.
[[nodiscard]] std::string describe_end(int wait_status);

}  // namespace gerve

// Starts programs: no shell, no fork, no descriptor but those that are named.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace gerve {

struct SpawnedDescriptor {
    int ours;
    int childs;  // its number in the child; no number twice
};

struct SpawnStart {
    std::string program;                   // path
    std::vector<std::string> words;        // argv, the name of the program included
    std::vector<std::string> environment;  // NAME=VALUE
    std::string directory = {};            // that it runs in; empty: that of this process
    // Further descriptors, or replacements for 0, 1 and 2, which are otherwise inherited.
    std::vector<SpawnedDescriptor> descriptors;
    bool null_input = false;    // 0 is /dev/null
    bool own_group = true;      // it leads a process group: no Ctrl-C of this process's terminal reaches it
    bool closes_others = true;  // false: what is open here without O_CLOEXEC is open there too
};

// In the child no signal is blocked or ignored. Returns 0 and sets `pid`, which the caller reaps; or an
// errno.
[[nodiscard]] int spawn(const SpawnStart& start, pid_t& pid);

// As execve(2) takes arguments and an environment: a null pointer ends it. Valid while `texts` is.
[[nodiscard]] std::vector<char*> pointers_to(const std::vector<std::string>& texts);

// The environment of this process.
[[nodiscard]] std::vector<std::string> own_environment();

}  // namespace gerve

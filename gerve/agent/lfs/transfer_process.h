// The process that serves one session of git-lfs: the agent's own program, started once for each session, so
// that a disk that hangs holds up its own clients alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "authz/model/size_limits.h"
#include "gerve/agent/repository/layout.h"

namespace gerve::lfs {

// The first argument of a gerve-agent that is such a process.
constexpr std::string_view process_word = "lfs-transfer";

struct TransferStart {
    bool uploads = false;
    std::string repo;       // OWNER/NAME
    std::string root;       // of the agent
    std::string directory;  // of the repository, relative to it
    Layout layout = Layout::flat;
    SizeLimits sizes;
    std::uint64_t max_object = 0;  // bytes; 0: no limit
};

// What follows the program's name. Who it is for stands in the environment (GERVE_USER_ID, GERVE_USER,
// GERVE_KEY), as hooks have it.
[[nodiscard]] std::vector<std::string> transfer_arguments(const TransferStart& start);

// The whole process: serves the client on standard input and output. `words` begin with process_word. Its
// status: 0 the client quit, 1 it did not, 2 the words make no sense.
[[nodiscard]] int run_transfer(const std::vector<std::string>& words);

}  // namespace gerve::lfs

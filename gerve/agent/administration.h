// The admin service of an agent: one operation on one repository, and its result as frames.
#pragma once

#include <string>

#include "gerve/agent/admission/ticket_admission.h"
#include "gerve/agent/agent_config.h"
#include "gerve/agent/repository/repositories.h"
#include "gerve/relay/grv1.h"

namespace gerve {

struct AdminResult {
    int status = 0;      // 0 done, 1 refused or failed
    std::string output;  // for the standard output
    std::string error;   // for the standard error
};

// Every action but fsck, which takes long and so runs like a git service. Blocks; does not throw.
[[nodiscard]] AdminResult perform_admin(const AgentConfig& config, const Operation& operation);

// STDOUT and STDERR, where there is anything, and EXIT.
[[nodiscard]] std::string encode_admin_result(const AdminResult& result);

}  // namespace gerve

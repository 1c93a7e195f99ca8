// Who would be warned of a changed host if a host key gave way to the next one of its type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/model/public_key.h"
#include "gerve/cli/audit_view.h"

namespace gerve {

class Site;

struct HostKeyReadiness {
    std::size_t keys = 0;               // of users and deploy keys that logged in through a gateway
    std::size_t elsewhere = 0;          // of these: relied on another host key at their last login
    std::size_t prepared = 0;           // of the others: have had the next key proven to them
    std::vector<AuditJson> unprepared;  // the last login of each of the rest
};

// By the audit events since then. The unit is a key of a user: the machines that share one are not told
// apart. Stops where the events cannot be read.
[[nodiscard]] HostKeyReadiness judge_readiness(Site& site, const Fingerprint& serving,
                                               const Fingerprint& next, UnixMillis since);

// The same of events, as JSON, for a test.
[[nodiscard]] HostKeyReadiness judge_readiness(const std::vector<std::string>& last_proofs,
                                               const std::vector<std::string>& learning_sessions,
                                               const Fingerprint& serving, const Fingerprint& next);

}  // namespace gerve

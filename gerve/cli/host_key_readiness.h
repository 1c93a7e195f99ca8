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
    std::size_t elsewhere = 0;          // of these: rely on host keys that stay
    std::size_t prepared = 0;           // of the others: have had the next key proven to them
    std::vector<AuditJson> unprepared;  // of each of the rest, the last login by a key that does not
    std::string unknown;                // why the events do not show everybody; empty if they do
};

// By the logins since then, and by all that is recorded of what clients have learned: they learn a key once.
// `next`: the announced key that will serve; `staying`: the keys of other types that serve. The unit is a
// key of a user: the machines that share one are not told apart. Stops where the events cannot be read.
[[nodiscard]] HostKeyReadiness judge_readiness(Site& site, const Fingerprint& serving,
                                               const Fingerprint& next,
                                               const std::vector<Fingerprint>& staying, UnixMillis since);

// The same of events, as JSON, for a test. `proofs`: the oldest first; see read_host_key_proofs().
[[nodiscard]] HostKeyReadiness judge_readiness(const std::vector<std::string>& proofs,
                                               const std::vector<std::string>& learning_sessions,
                                               const Fingerprint& serving, const Fingerprint& next,
                                               const std::vector<Fingerprint>& staying);

}  // namespace gerve

// Who would be refused by what an organisation is to ask of logins, by the logins in the audit trail.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "authz/login_rules.h"
#include "authz/store/records.h"
#include "gerve/cli/audit_view.h"

namespace gerve {

struct PolicyRefusal {
    AuditJson login;  // the last of its kind
    bool pushes_only = false;
    std::vector<std::string> why;
};

struct PolicyCheck {
    std::size_t subjects = 0;   // accounts and deploy keys with access to the organisation's repositories
    std::size_t unseen = 0;     // of these: did not log in during that time
    std::size_t undecided = 0;  // of these: logged in, and what was recorded does not decide it
    std::vector<PolicyRefusal> refusals;  // by name, the last login of each kind
};

// A key of the directory.
struct KeyNow {
    std::string algorithm;
    bool ended = false;  // revoked or expired
};
using KeysNow = std::map<std::string, KeyNow>;  // by fingerprint

// `logins`: as read_recorded_logins() has them. Those by keys that have ended do not count.
[[nodiscard]] PolicyCheck check_policy(const Login& organization, const LoginPolicy& policy,
                                       const std::vector<PolicySubject>& subjects,
                                       const std::vector<AuditJson>& logins, const KeysNow& keys);

}  // namespace gerve

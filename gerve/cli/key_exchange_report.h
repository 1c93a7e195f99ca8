// Who still logs in without a post-quantum key exchange, by what the audit trail has of logins.
#pragma once

#include <vector>

#include "gerve/cli/audit_view.h"

namespace gerve {

struct KeyExchangeReport {
    std::size_t holders = 0;     // accounts and deploy keys that logged in
    std::size_t without = 0;     // of these: by an exchange that is not post-quantum, at least once
    std::size_t unrecorded = 0;  // of these: only where the exchange is not recorded
    // Of those without: the last login of each by each exchange and version of a client, by name and time.
    std::vector<AuditJson> logins;
};

// `logins`: as read_recorded_logins() has them, the oldest first.
[[nodiscard]] KeyExchangeReport report_key_exchange(const std::vector<AuditJson>& logins);

}  // namespace gerve

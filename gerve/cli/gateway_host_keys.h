// Whether the gateways that share a directory have the same host keys.
#pragma once

#include <string>
#include <vector>

#include "gerve/cli/check_line.h"
#include "gerve/ssh/host_keys.h"

namespace gerve {

struct OwnHostKey {
    std::string fingerprint;
    HostKeyType type;
};

// `last_proofs`: the last login through each gateway, as JSON; `announcements`: the last through each that
// tells which host keys it announces. `own`: the host keys here, in their order. One line for each
// difference, with the gateway and the key, or one for all gateways if there is none. Of a gateway that has
// told no announcement, its last login is compared.
[[nodiscard]] std::vector<CheckLine> compare_gateways(const std::vector<std::string>& last_proofs,
                                                      const std::vector<std::string>& announcements,
                                                      const std::vector<OwnHostKey>& own);

}  // namespace gerve

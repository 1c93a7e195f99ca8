// What `gerve check` says of the host keys and host certificates of the gateway where it runs.
#pragma once

#include <vector>

#include "authz/config.h"
#include "gerve/cli/check_line.h"
#include "gerve/cli/gateway_host_keys.h"

namespace gerve {

struct HostKeyCheck {
    std::vector<CheckLine> lines;
    std::vector<OwnHostKey> keys;  // in their order
    bool complete = true;          // false: some could not be read, so `keys` compares with nothing
};
[[nodiscard]] HostKeyCheck check_host_keys_of(const Config& config);

}  // namespace gerve

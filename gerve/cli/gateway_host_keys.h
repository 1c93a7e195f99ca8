// Whether the gateways that share a directory have the same host keys.
#pragma once

#include <string>
#include <vector>

#include "gerve/cli/check_line.h"

namespace gerve {

// `last_proofs`: the last login through each gateway, as JSON. `own`: the fingerprints of the host keys here.
// One line for each gateway whose clients accepted another key, or one for all if there is none.
[[nodiscard]] std::vector<CheckLine> compare_gateways(const std::vector<std::string>& last_proofs,
                                                      const std::vector<std::string>& own);

}  // namespace gerve

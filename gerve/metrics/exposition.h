// The numbers of gateway and authz as Prometheus reads them; docs/metrics.md describes each.
#pragma once

#include <string>

#include "authz/service/authz_metrics.h"
#include "gerve/metrics/gateway_metrics.h"

namespace gerve {

// The text format, version 0.0.4. Null: nothing is known of that half.
[[nodiscard]] std::string expose(const GatewayMetrics* gateway, const AuthzMetrics* authz, bool maintenance);

}  // namespace gerve

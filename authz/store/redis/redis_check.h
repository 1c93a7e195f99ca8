// What `gerve check` says about Redis: whether it is reached, and every way in which routes there would fail.
#pragma once

#include "authz/config.h"
#include "authz/store/finding.h"

namespace gerve {

// Reaches Redis as a lookup would: TLS, sentinels, host, credentials, role, and each command that is needed.
// Changes nothing: SET is tried on a key that exists for a millisecond and belongs to nobody.
[[nodiscard]] Findings check_redis(const RedisConfig& config);

}  // namespace gerve

// Redis, where routes are looked up, kept in step with the table of routes.
#pragma once

#include <functional>

#include "authz/store/redis/redis_editor.h"
#include "gerve/cli/site.h"

namespace gerve {

// Makes a change in Redis, where there is one; returns 0. The table is written by then, and Redis may say
// something else until it is mended: a failure stops the command, naming the remedy.
int tell_redis(Site& site, const std::function<Result<void>(RedisEditor&)>& change);

}  // namespace gerve

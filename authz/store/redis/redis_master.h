// Where Redis is: the address of a configuration, or the master that its sentinels name.
#pragma once

#include <vector>

#include "authz/config.h"
#include "authz/store/redis/redis_connection.h"

namespace gerve {

struct RedisSettings {
    std::vector<Endpoint> addresses;  // of Redis itself (one), or of its sentinels
    std::string master;               // the sentinels' name for it; empty: `addresses` is Redis itself
    RedisLogin login;
    std::string prefix;  // of a key; the owner's folded login follows

    // Reads the password file. Errors: client (an address; TLS that this program cannot do), internal (the
    // file).
    [[nodiscard]] static Result<RedisSettings> make(const RedisConfig& config);
};

// The address to connect to now: asks the sentinels in turn until one of them knows. Error: unavailable.
[[nodiscard]] Result<Endpoint> find_redis(const RedisSettings& settings);

// Opens a connection that is ready for lookups. Behind sentinels it must call itself master, unless the ACL
// keeps ROLE from us: a sentinel may not have heard yet of a failover. Error: unavailable.
[[nodiscard]] Result<RedisConnection> open_redis(const RedisSettings& settings);

}  // namespace gerve

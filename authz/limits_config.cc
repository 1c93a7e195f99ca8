#include "authz/limits_config.h"

#include <algorithm>

#include "authz/base/toml.h"

namespace gerve {
namespace {

constexpr unsigned least_share = 16;

// Five pushes with large files: the sessions of git-lfs come on connections of their own.
constexpr unsigned least_connections = 5 * (1 + lfs_sessions);

unsigned share(unsigned limit, unsigned workers, unsigned least = least_share) {
    if (limit == 0) return 0;
    return std::min(limit, std::max(least, (limit + workers - 1) / workers));
}

}  // namespace

AccountLimits AccountLimits::share_of(unsigned workers) const {
    workers = std::max(workers, 1U);
    return {share(connections_per_key, workers, least_connections),
            share(connections_per_account, workers, least_connections),
            share(idle_per_key, workers),
            share(idle_per_account, workers),
            share(operations_per_key, workers),
            share(operations_per_account, workers)};
}

AccountLimits read_limits(TomlTable table) {
    AccountLimits limits;
    const auto read = [&](const char* name, unsigned& limit) {
        limit = static_cast<unsigned>(table.number(name, limit, 0, 1'000'000));
    };
    read("connections_per_key", limits.connections_per_key);
    read("connections_per_account", limits.connections_per_account);
    read("idle_per_key", limits.idle_per_key);
    read("idle_per_account", limits.idle_per_account);
    read("operations_per_key", limits.operations_per_key);
    read("operations_per_account", limits.operations_per_account);
    return limits;
}

// Workers alone need them, so they are no part of Config.
AccountLimits limits_of(const Config& config) {
    TomlReader reader(config.source, config.file);
    return read_limits(reader.root().table("limits"));
}

}  // namespace gerve

// A RedisRoutes of a test's own over a server of the test's own.
#pragma once

#include "authz/store/redis/redis_routes.h"
#include "tests/unit/authz/store/redis/redis_server.h"

namespace gerve::testing {

inline RedisConfig config_for(const std::string& address) {
    RedisConfig config;
    config.address = address;
    return config;
}

// A RedisRoutes with all its connections open.
struct Routes {
    explicit Routes(const RedisConfig& config, unsigned connections = 1, bool wait = true)
        : routes(must(RedisSettings::make(config)), connections, counters) {
        if (wait) REQUIRE(comes_true([&] { return counters.connections.value() > connections; }));
    }
    // "fs1"; "-" for missing; "!" for unavailable
    std::string find(const std::string& owner) {
        const auto found = routes.find(login(owner));
        if (!found) {
            CHECK(found.error().kind == ErrorKind::unavailable);
            return "!";
        }
        return *found ? (*found)->text() : "-";
    }
    RedisCounters counters;
    RedisRoutes routes;
};

}  // namespace gerve::testing

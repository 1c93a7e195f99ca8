#include "authz/store/redis/redis_odd_values.h"

#include <mutex>

#include "tests/unit/authz/store/redis/redis_site.h"

namespace gerve::testing {
namespace {

using std::chrono::milliseconds;

}  // namespace

TEST_CASE("an invalid server name is no route, and harms no other owner's") {
    const RedisServer redis;
    redis.ask({"LPUSH", "route:list", "fs1"});
    redis.ask({"SET", "route:empty", ""});
    redis.ask({"SET", "route:slash", "../fs1"});
    redis.ask({"SET", "route:nul", std::string_view("fs1\0x", 5)});
    redis.ask({"SET", "route:line", "fs1\n"});
    redis.ask({"SET", "route:long", std::string(65, 'a')});
    redis.ask({"SET", "route:huge", std::string(1 << 20, 'a')});
    redis.ask({"SET", "route:alice", "fs1"});
    Routes routes(config_for(redis.socket()), 2);
    for (const char* owner : {"list", "empty", "slash", "nul", "line", "long", "huge"}) {
        INFO(owner);
        CHECK(routes.find(owner) == "!");
        CHECK(comes_true([&] { return routes.find("alice") == "fs1"; }));
    }
    CHECK(routes.counters.unavailable.value() == 7);
    CHECK(routes.counters.odd.value() == 7);
    CHECK(routes.counters.failures.value() == 0);
}

TEST_CASE("a value that is too long costs its own owner's lookups and no other connection") {
    const RedisServer redis;
    redis.ask({"SET", "route:huge", std::string(1 << 20, 'a')});
    redis.ask({"SET", "route:alice", "fs1"});
    Routes routes(config_for(redis.socket()), 2);
    const auto opened = routes.counters.connections.value();
    for (int i = 0; i < 100; ++i) {
        CHECK(routes.find("huge") == "!");
        CHECK(routes.find("alice") == "fs1");
    }
    CHECK(comes_true([&] { return routes.counters.connections.value() == opened + 1; }));
    CHECK(routes.counters.odd.value() == 1);
    CHECK(routes.counters.live.value() == 1);
    redis.ask({"SET", "route:huge", "fs2"});
    CHECK(comes_true([&] { return routes.find("huge") == "fs2"; }));
}

TEST_CASE("a value of another type keeps the connection, and is used when it was mended") {
    const RedisServer redis;
    redis.ask({"LPUSH", "route:list", "fs1"});
    Routes routes(config_for(redis.socket()));
    const auto opened = routes.counters.connections.value();
    for (int i = 0; i < 20; ++i) CHECK(routes.find("list") == "!");
    CHECK(routes.counters.connections.value() == opened);
    CHECK(routes.counters.failures.value() == 0);
    redis.ask({"SET", "route:list", "fs1"});
    CHECK(routes.find("list") == "fs1");
}

TEST_CASE("a GET that is refused costs no connection, and ends with the trouble") {
    std::string answer =
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    std::atomic<int> asked{0};
    std::mutex mutex;
    FakeRedis redis([&](const std::string&) {
        ++asked;
        const std::lock_guard lock(mutex);
        return answer;
    });
    Routes routes(config_for(redis.socket()));
    const int accepted = redis.accepted;
    for (int i = 0; i < 100; ++i) CHECK(routes.find("alice") == "!");
    CHECK(asked <= 2);
    CHECK(redis.accepted == accepted);
    CHECK(routes.counters.live.value() == 0);
    {
        const std::lock_guard lock(mutex);
        answer = "$3\r\nfs1\r\n";
    }
    CHECK(comes_true([&] { return routes.find("alice") == "fs1"; }));
    CHECK(routes.counters.live.value() == 1);
}

TEST_CASE("a key that the ACL closes is its owner's trouble alone") {
    const RedisServer redis;
    redis.ask({"ACL", "SETUSER", "gerve", "on", ">pa ss", "~route:a*", "+get", "+set", "+ping"});
    redis.ask({"SET", "route:alice", "fs1"});
    RedisConfig config = config_for(redis.socket());
    config.user = "gerve";
    config.password_file = redis.directory().file("password");
    must(write_file(config.password_file, "pa ss\n", 0600));
    Routes routes(config);
    for (int i = 0; i < 20; ++i) {
        CHECK(routes.find("bob") == "!");
        CHECK(routes.find("alice") == "fs1");
    }
    CHECK(routes.counters.odd.value() <= 2);
    CHECK(routes.counters.failures.value() == 0);
}

TEST_CASE("after a SET that Redis refused, repairs go on when it takes them") {
    const RedisServer redis;
    Routes routes(config_for(redis.socket()));
    const auto lacks = [&](const char* owner) {
        if (routes.find(owner) == "-") routes.routes.learn(login(owner), ServerName::parse("fs1").value());
        return routes.find(owner) != "fs1";
    };
    redis.ask({"CONFIG", "SET", "maxmemory", "1"});
    CHECK(comes_true([&] { return lacks("alice") && routes.counters.repairs_refused.value() > 0; }));
    // As long as it refuses, a lookup that misses costs it no SET.
    const auto refused = routes.counters.repairs_refused.value();
    for (int i = 0; i < 50; ++i) CHECK(lacks("bob"));
    CHECK(routes.counters.repairs_refused.value() <= refused + 1);
    redis.ask({"CONFIG", "SET", "maxmemory", "0"});
    CHECK(comes_true([&] { return !lacks("alice"); }));
    CHECK(comes_true([&] { return !lacks("bob"); }));
    CHECK(routes.counters.failures.value() == 0);
}

TEST_CASE("a Redis that was a replica for a moment is repaired as before") {
    const RedisServer redis;
    const RedisServer master;
    Routes routes(config_for(redis.socket()));
    redis.ask({"REPLICAOF", "127.0.0.1", std::to_string(master.port())});
    const auto lacks = [&] {
        if (routes.find("alice") == "-")
            routes.routes.learn(login("alice"), ServerName::parse("fs1").value());
        return routes.find("alice") != "fs1";
    };
    CHECK(comes_true([&] { return lacks() && routes.counters.repairs_refused.value() > 0; }));
    redis.ask({"REPLICAOF", "NO", "ONE"});
    CHECK(comes_true([&] { return !lacks(); }));
}

TEST_CASE("error replies are unavailable, never missing") {
    std::string error;
    FakeRedis redis([&](const std::string&) { return error; });
    for (const char* text :
         {"-LOADING Redis is loading the dataset in memory\r\n", "-MOVED 3999 127.0.0.1:6381\r\n",
          "-ASK 3999 127.0.0.1:6381\r\n", "-MASTERDOWN Link with MASTER is down\r\n",
          "-NOAUTH Authentication required.\r\n", "-NOPERM no\r\n", "-ERR\r\n", "-\r\n", "+fs1\r\n", ":1\r\n",
          "*1\r\n$3\r\nfs1\r\n", "nonsense\r\n", "$-2\r\n", "$3\r\nfs1\r\n$3\r\nfs2\r\n"}) {
        INFO(text);
        error = text;
        Routes routes(config_for(redis.socket()));
        CHECK(routes.find("alice") == "!");
    }
}

TEST_CASE("a missing route is repaired, a present one is left alone") {
    const RedisServer redis;
    Routes routes(config_for(redis.socket()));
    CHECK(routes.find("alice") == "-");
    routes.routes.learn(login("Alice"), ServerName::parse("fs1").value());
    CHECK(comes_true([&] { return routes.find("alice") == "fs1"; }));
    CHECK(comes_true([&] { return routes.counters.repaired.value() == 1; }));
    redis.ask({"SET", "route:bob", "fs2"});
    routes.routes.learn(login("bob"), ServerName::parse("fs1").value());
    routes.routes.learn(login("carol"), ServerName::parse("fs3").value());
    CHECK(comes_true([&] { return routes.find("carol") == "fs3"; }));
    CHECK(routes.find("bob") == "fs2");
    CHECK(comes_true([&] { return routes.counters.repaired.value() == 2; }));
}

TEST_CASE("an ACL user with +get +set +ping is enough; one without +set repairs nothing and still finds") {
    const RedisServer redis;
    redis.ask({"ACL", "SETUSER", "gerve", "on", ">pa ss", "~route:*", "+get", "+set", "+ping"});
    redis.ask({"ACL", "SETUSER", "reader", "on", ">pa ss", "~route:*", "+get", "+ping"});
    redis.ask({"SET", "route:alice", "fs1"});
    RedisConfig config = config_for(redis.socket());
    config.password_file = redis.directory().file("password");
    must(write_file(config.password_file, "pa ss\n", 0600));
    for (const bool can_set : {true, false}) {
        config.user = can_set ? "gerve" : "reader";
        Routes routes(config, 2);
        CHECK(routes.find("alice") == "fs1");
        const std::string owner = "owner-" + config.user;
        CHECK(routes.find(owner) == "-");
        routes.routes.learn(login(owner), ServerName::parse("fs2").value());
        if (can_set) {
            CHECK(comes_true([&] { return routes.find(owner) == "fs2"; }));
        } else {
            std::this_thread::sleep_for(milliseconds(200));
            CHECK(routes.find(owner) == "-");
            CHECK(routes.counters.repaired.value() == 0);
            CHECK(routes.find("alice") == "fs1");
        }
    }
}

}  // namespace gerve::testing

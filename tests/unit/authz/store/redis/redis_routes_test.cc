#include "authz/store/redis/redis_routes.h"

#include <signal.h>

#include "tests/unit/authz/store/redis/redis_site.h"

namespace gerve::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds time_of(const std::function<void()>& what) {
    const auto start = steady_clock::now();
    what();
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

}  // namespace

TEST_CASE("a route in Redis is found by the folded owner, over a unix socket and over TCP") {
    const RedisServer redis;
    redis.ask({"SET", "route:alice", "fs1"});
    for (const std::string& address : {redis.socket(), redis.tcp()}) {
        Routes routes(config_for(address));
        CHECK(routes.find("Alice") == "fs1");
        CHECK(routes.find("bob") == "-");
        CHECK(routes.counters.found.value() == 1);
        CHECK(routes.counters.missing.value() == 1);
        CHECK(routes.counters.unavailable.value() == 0);
        CHECK(routes.counters.live.value() == 1);
    }
}

TEST_CASE("the prefix of the configuration is the prefix of the key") {
    const RedisServer redis;
    redis.ask({"SET", "git%s:alice", "fs7"});
    RedisConfig config = config_for(redis.socket());
    config.prefix = "git%s:";
    Routes routes(config);
    CHECK(routes.find("alice") == "fs7");
}

TEST_CASE("a timeout is bounded, and the late answer is nobody's") {
    const RedisServer redis;
    redis.ask({"SET", "route:alice", "fs-alice"});
    redis.ask({"SET", "route:bob", "fs-bob"});
    Routes routes(config_for(redis.tcp()), 2);
    CHECK(routes.find("alice") == "fs-alice");

    redis.signal(SIGSTOP);
    std::string first;
    const auto bounded = time_of([&] { first = routes.find("alice"); });
    CHECK(first == "!");
    CHECK(bounded < milliseconds(300));
    // From here on a lookup costs nothing, although every connection is refused no answer.
    const auto free = time_of([&] {
        for (int i = 0; i < 1000; ++i) CHECK(routes.find("bob") == "!");
    });
    CHECK(free < milliseconds(200));
    CHECK(routes.counters.live.value() == 0);
    std::this_thread::sleep_for(milliseconds(700));
    redis.signal(SIGCONT);

    const auto back = steady_clock::now();
    while (steady_clock::now() - back < std::chrono::seconds(5)) {
        const std::string bob = routes.find("bob");
        CHECK((bob == "!" || bob == "fs-bob"));
        const std::string alice = routes.find("alice");
        CHECK((alice == "!" || alice == "fs-alice"));
        if (alice == "fs-alice" && bob == "fs-bob") break;
    }
    CHECK(steady_clock::now() - back < std::chrono::seconds(3));
}

TEST_CASE("a server that drips meets the deadline as well") {
    FakeRedis redis([](const std::string&) { return "$3\r\nfs1\r\n"; });
    Routes routes(config_for(redis.socket()));
    redis.dripping_ms = 90;
    std::string found;
    CHECK(time_of([&] { found = routes.find("alice"); }) < milliseconds(350));
    CHECK(found == "!");
}

TEST_CASE("a context that failed is never used again") {
    // The first question is not answered; the answer to it comes when the second is asked.
    std::string owed;
    FakeRedis redis([&](const std::string& received) {
        const bool alice = received.find("alice") != std::string::npos;
        const std::string now = std::exchange(owed, alice ? "$8\r\nfs-alice\r\n" : "");
        return alice ? "" : now + "$6\r\nfs-bob\r\n";
    });
    Routes routes(config_for(redis.socket()));
    CHECK(routes.find("alice") == "!");
    CHECK(comes_true([&] { return routes.counters.live.value() == 1; }));
    std::string bob;
    CHECK(comes_true(
        [&] { return (bob = routes.find("bob")) != "!" || routes.counters.unavailable.value() > 3; }));
    CHECK(bob != "fs-alice");
    CHECK(redis.accepted >= 2);
}

TEST_CASE("Redis is killed, and comes back") {
    RedisServer redis;
    Routes routes(config_for(redis.tcp()), 4);
    redis.kill();
    CHECK(comes_true([&] { return routes.counters.live.value() == 0; }));  // noticed without a lookup
    CHECK(time_of([&] { CHECK(routes.find("alice") == "!"); }) < milliseconds(50));
    redis.start();
    redis.ask({"SET", "route:alice", "fs1"});
    const auto back = steady_clock::now();
    CHECK(comes_true([&] { return routes.find("alice") == "fs1"; }));
    CHECK(steady_clock::now() - back < std::chrono::seconds(3));
}

TEST_CASE("killed connections are replaced") {
    const RedisServer redis;
    redis.ask({"SET", "route:alice", "fs1"});
    Routes routes(config_for(redis.tcp()), 4);
    for (int i = 0; i < 5; ++i) {
        redis.ask({"CLIENT", "KILL", "TYPE", "normal"});
        CHECK(comes_true([&] { return routes.find("alice") == "fs1"; }));
    }
}

TEST_CASE(
    "nothing listens there: every lookup fails at once, and the start waits for no more than one attempt") {
    const auto port = free_port();
    std::unique_ptr<Routes> routes;
    const auto config = config_for("127.0.0.1:" + std::to_string(port));
    CHECK(time_of([&] { routes = std::make_unique<Routes>(config, 2, false); }) < milliseconds(500));
    CHECK(routes->find("alice") == "!");
    CHECK(routes->counters.skipped.value() == 1);
    CHECK(routes->counters.failures.value() >= 1);
}

TEST_CASE("a wrong password: no lookup, no word of the password in the log") {
    const RedisServer redis;
    redis.ask({"CONFIG", "SET", "requirepass", "correct"});
    RedisConfig config = config_for(redis.socket());
    config.password_file = redis.directory().file("password");
    must(write_file(config.password_file, "hunter2", 0600));
    Routes routes(config, 1, false);
    CHECK(routes.find("alice") == "!");
    const auto settings = must(RedisSettings::make(config));
    const auto opened = open_redis(settings);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().detail.find("WRONGPASS") != std::string::npos);
    CHECK(opened.error().detail.find("hunter2") == std::string::npos);
}

TEST_CASE("a password file that others can read, or TLS that was not built in, is refused") {
    const TemporaryDirectory directory;
    RedisConfig config = config_for("127.0.0.1:1");
    config.password_file = directory.file("password");
    must(write_file(config.password_file, "secret", 0644));
    CHECK_FALSE(RedisSettings::make(config));
    config.password_file.clear();
    config.ca_file = directory.file("ca.pem");
    CHECK(RedisSettings::make(config).has_value() == redis_has_tls());
}

TEST_CASE("many threads at once get each its own owner's route") {
    const RedisServer redis;
    for (int i = 0; i < 50; ++i) {
        redis.ask({"SET", "route:owner-" + std::to_string(i), "fs-" + std::to_string(i)});
    }
    Routes routes(config_for(redis.socket()), 4);
    std::atomic<int> wrong{0};
    std::atomic<int> right{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; !over; ++i) {
                const int n = (i * 7 + thread) % 50;
                const auto found = routes.routes.find(login("owner-" + std::to_string(n)));
                if (!found) {
                    std::this_thread::sleep_for(milliseconds(1));
                    continue;
                }
                (*found && (*found)->text() == "fs-" + std::to_string(n) ? right : wrong)++;
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        redis.ask({"CLIENT", "KILL", "TYPE", "normal"});
        std::this_thread::sleep_for(milliseconds(150));
    }
    over = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(right > 1000);
}

TEST_CASE("Sentinel names the master, and the next one after a failover") {
    RedisServer master;
    const RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
    const RedisServer sentinel({"--sentinel"});
    const std::string port = std::to_string(master.port());
    sentinel.ask({"SENTINEL", "MONITOR", "routes", "127.0.0.1", port, "1"});
    sentinel.ask({"SENTINEL", "SET", "routes", "down-after-milliseconds", "300"});
    sentinel.ask({"SENTINEL", "SET", "routes", "failover-timeout", "2000"});
    master.ask({"SET", "route:alice", "fs1"});
    REQUIRE(comes_true([&] { return replica.ask({"GET", "route:alice"}).text == "fs1"; }));
    REQUIRE(comes_true([&] {
        const auto known = sentinel.ask({"SENTINEL", "REPLICAS", "routes"});
        return known.list.size() == 1;
    }));

    RedisConfig config;
    config.sentinels = {"127.0.0.1:" + std::to_string(free_port()), sentinel.tcp()};  // the first is away
    config.master = "routes";
    Routes routes(config, 2);
    CHECK(routes.find("alice") == "fs1");
    CHECK(must(find_redis(must(RedisSettings::make(config)))).port() == master.port());

    master.kill();
    REQUIRE(comes_true([&] { return routes.find("alice") == "fs1"; }));
    CHECK(must(find_redis(must(RedisSettings::make(config)))).port() == replica.port());
    // It takes writes: it is the master now.
    routes.routes.learn(login("bob"), ServerName::parse("fs2").value());
    CHECK(comes_true([&] { return replica.ask({"GET", "route:bob"}).text == "fs2"; }));

    config.master = "unknown";
    CHECK_FALSE(find_redis(must(RedisSettings::make(config))));
}

TEST_CASE("a replica that sentinels still name is not taken for the master") {
    const RedisServer master;
    const RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(master.port())});
    FakeRedis sentinel([&](const std::string&) {
        const std::string port = std::to_string(replica.port());
        return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
    });
    RedisConfig config;
    config.sentinels = {sentinel.socket()};
    config.master = "routes";
    const auto opened = open_redis(must(RedisSettings::make(config)));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().detail.find("not the master") != std::string::npos);
}

}  // namespace gerve::testing

#include "authz/store/redis/redis_check.h"

#include <signal.h>

#include "authz/store/redis/redis_editor.h"
#include "tests/unit/authz/store/redis/redis_server.h"

namespace gerve::testing {
namespace {

RedisConfig config_for(const std::string& address) {
    RedisConfig config;
    config.address = address;
    return config;
}

// The findings that are not good, as "wrong: text → remedy" lines.
std::string complaints(const RedisConfig& config) {
    std::string lines;
    for (const Finding& finding : check_redis(config)) {
        if (finding.grade == Finding::Grade::good) continue;
        lines += (finding.grade == Finding::Grade::wrong ? "wrong: " : "warning: ") + finding.text + " → " +
                 finding.remedy + "\n";
    }
    return lines;
}

bool holds(const std::string& text, const std::string& word) {
    return text.find(word) != std::string::npos;
}

RouteRecord route(std::string_view owner, std::string_view server) {
    return {login(owner), ServerName::parse(server).value()};
}

}  // namespace

TEST_CASE("a sound Redis has nothing to complain about, and keeps nothing of the check") {
    const RedisServer redis;
    CHECK(complaints(config_for(redis.tcp())) == "");
    CHECK(complaints(config_for(redis.socket())) == "");
    CHECK(comes_true([&] { return redis.ask({"DBSIZE"}).number == 0; }));
}

TEST_CASE("the check names what is wrong and what to do") {
    const RedisServer redis;
    const TemporaryDirectory directory;
    const std::string password = directory.file("password");

    SUBCASE("nobody listens") {
        const auto told = complaints(config_for("127.0.0.1:" + std::to_string(free_port())));
        CHECK(holds(told, "wrong: "));
        CHECK(holds(told, "Connection refused"));
    }
    SUBCASE("a host that does not exist") {
        CHECK(holds(complaints(config_for("no-such-host.invalid:6379")), "wrong: "));
    }
    SUBCASE("a password is wanted and none is configured") {
        redis.ask({"CONFIG", "SET", "requirepass", "x"});
        const auto told = complaints(config_for(redis.tcp()));
        CHECK(holds(told, "NOAUTH"));
        CHECK(holds(told, "password_file"));
    }
    SUBCASE("the wrong password") {
        redis.ask({"CONFIG", "SET", "requirepass", "x"});
        must(write_file(password, "y", 0600));
        RedisConfig config = config_for(redis.tcp());
        config.password_file = password;
        CHECK(holds(complaints(config), "WRONGPASS"));
    }
    SUBCASE("an ACL without a command") {
        must(write_file(password, "x", 0600));
        RedisConfig config = config_for(redis.tcp());
        config.password_file = password;
        config.user = "gerve";
        redis.ask({"ACL", "SETUSER", "gerve", "on", ">x", "~route:*", "+get", "+set", "+ping"});
        CHECK(complaints(config) == "");
        redis.ask({"ACL", "SETUSER", "gerve", "-set"});
        CHECK(holds(complaints(config), "warning: SET"));
        CHECK(holds(complaints(config), "ACL SETUSER gerve ~route:* +set"));
        redis.ask({"ACL", "SETUSER", "gerve", "-get"});
        CHECK(holds(complaints(config), "wrong: GET"));
        redis.ask({"ACL", "SETUSER", "gerve", "-ping"});
        CHECK(holds(complaints(config), "+ping"));
        redis.ask({"ACL", "SETUSER", "gerve", "+ping", "+get", "+set", "resetkeys", "~other:*"});
        CHECK(holds(complaints(config), "wrong: GET"));
    }
    SUBCASE("a replica") {
        const RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(redis.port())});
        CHECK(holds(complaints(config_for(replica.tcp())), "is not a master"));
    }
    SUBCASE("a stopped server") {
        redis.signal(SIGSTOP);
        const auto told = complaints(config_for(redis.tcp()));
        redis.signal(SIGCONT);
        CHECK(holds(told, "no reply in time"));
        CHECK(holds(told, "stopped or overloaded"));
    }
    SUBCASE("TLS that this program cannot do, or that the server does not speak") {
        RedisConfig config = config_for(redis.tcp());
        config.ca_file = directory.file("ca.pem");
        must(write_file(config.ca_file, "", 0600));
        CHECK(holds(complaints(config), redis_has_tls() ? "wrong: " : "built without it"));
    }
    SUBCASE("sentinels that know nothing") {
        RedisConfig config;
        config.sentinels = {redis.tcp()};
        config.master = "routes";
        CHECK(holds(complaints(config), "routes.redis.sentinels"));
    }
    SUBCASE("a secret that others can read") {
        must(write_file(password, "x", 0644));
        RedisConfig config = config_for(redis.tcp());
        config.password_file = password;
        CHECK(holds(complaints(config), password));
    }
}

TEST_CASE("the editor sets and removes routes") {
    const RedisServer redis;
    auto editor = must(RedisEditor::open(config_for(redis.socket())));
    must(editor.set(login("Alice"), ServerName::parse("fs1").value()));
    CHECK(redis.ask({"GET", "route:alice"}).text == "fs1");
    must(editor.remove(login("alice")));
    CHECK(redis.ask({"GET", "route:alice"}).kind == RedisReply::Kind::nil);
}

TEST_CASE("compare tells every difference, and mends when told to") {
    const RedisServer redis;
    const std::vector<RouteRecord> table{route("alice", "fs1"), route("Bob", "fs2"), route("carol", "fs3"),
                                         route("dave", "fs4")};
    redis.ask({"SET", "route:alice", "fs1"});
    redis.ask({"SET", "route:bob", "fs9"});
    redis.ask({"LPUSH", "route:carol", "x"});
    redis.ask({"SET", "route:ghost", "fs5"});
    redis.ask({"SET", "other:alice", "fs5"});
    auto editor = must(RedisEditor::open(config_for(redis.socket())));

    for (const bool mend : {false, true}) {
        const auto found = must(editor.compare(table, mend));
        CHECK(found.compared == 4);
        CHECK(found.unseen == "");
        REQUIRE(found.differences.size() == 4);
        CHECK(found.differences[0].owner == "bob");
        CHECK(found.differences[0].was == "fs9");
        CHECK(found.differences[0].is->text() == "fs2");
        CHECK(found.differences[2].owner == "dave");
        CHECK_FALSE(found.differences[2].was);
        CHECK(found.differences[3].owner == "ghost");
        CHECK_FALSE(found.differences[3].is);
        for (const auto& difference : found.differences) CHECK(difference.failure == "");
    }
    CHECK(must(editor.compare(table, false)).differences.empty());
    CHECK(redis.ask({"GET", "route:carol"}).text == "fs3");
    CHECK(redis.ask({"EXISTS", "route:ghost"}).number == 0);
    CHECK(redis.ask({"GET", "other:alice"}).text == "fs5");
}

TEST_CASE(
    "compare with an ACL that cannot scan says what it did not see; without +set, what it did not mend") {
    const RedisServer redis;
    redis.ask({"ACL", "SETUSER", "gerve", "on", ">x", "~route:*", "+get", "+ping"});
    redis.ask({"SET", "route:ghost", "fs5"});
    RedisConfig config = config_for(redis.socket());
    config.user = "gerve";
    config.password_file = redis.directory().file("password");
    must(write_file(config.password_file, "x", 0600));
    auto editor = must(RedisEditor::open(config));
    const auto found = must(editor.compare({route("alice", "fs1")}, true));
    CHECK(holds(found.unseen, "NOPERM"));
    REQUIRE(found.differences.size() == 1);
    CHECK(holds(found.differences[0].failure, "NOPERM"));
}

TEST_CASE("a prefix is text, not a pattern") {
    const RedisServer redis;
    redis.ask({"SET", "r[a-z]*:ghost", "fs1"});
    redis.ask({"SET", "rx:alice", "fs1"});
    RedisConfig config = config_for(redis.socket());
    config.prefix = "r[a-z]*:";
    auto editor = must(RedisEditor::open(config));
    const auto found = must(editor.compare({}, true));
    REQUIRE(found.differences.size() == 1);
    CHECK(found.differences[0].owner == "ghost");
    CHECK(redis.ask({"EXISTS", "rx:alice"}).number == 1);
}

}  // namespace gerve::testing

// Redis first, the table behind it: what a directory makes of a hint.
#include "authz/store/redis/route_hints.h"

#include <map>
#include <vector>

#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {
namespace {

ServerName server(std::string_view name) {
    return ServerName::parse(name).value();
}

// Hints that a test writes down.
struct WrittenHints final : RouteHints {
    Result<std::optional<ServerName>> find(const Login& owner) override {
        ++asked;
        if (away) return unavailable("away");
        const auto found = routes.find(owner.folded());
        if (found == routes.end()) return std::nullopt;
        return found->second;
    }
    void learn(const Login& owner, const ServerName& name) override {
        learned.push_back(owner.folded() + " " + name.text());
    }
    std::map<std::string, ServerName> routes;
    std::vector<std::string> learned;
    bool away = false;
    int asked = 0;
};

// alice lives on fs1 by the table, bob nowhere; the servers fs1 and fs2 exist.
struct Site : Store {
    Site() {
        must(registry().add_account(login("alice"), AccountKind::user));
        must(registry().add_account(login("bob"), AccountKind::user));
        must(registry().add_server(server("fs1"), {*Endpoint::parse("fs1:9419")}));
        must(registry().add_server(server("fs2"),
                                   {*Endpoint::parse("fs2:9419"), *Endpoint::parse("fs2b:9419")}));
        must(registry().set_route(login("alice"), server("fs1")));
    }
    std::string route(std::string_view owner) {
        Directory asked = directory();
        asked.follow(hints, cache);
        const auto route = must(asked.find_route(login(owner)));
        if (!route) return "-";
        std::string text = route->server.text();
        for (const Endpoint& endpoint : route->endpoints) text += " " + endpoint.text();
        return text;
    }
    WrittenHints hints;
    ServerCache cache;
};

}  // namespace

TEST_CASE("a hint is followed without a look into the table of routes") {
    Site site;
    site.hints.routes.emplace("alice", server("fs2"));
    CHECK(site.route("Alice") == "fs2 fs2:9419 fs2b:9419");
    CHECK(site.counters.of(Query::hint, Answer::found) == 1);
    CHECK(site.counters.of(Query::route) == 0);
    CHECK(site.counters.of(Query::server) == 1);
    CHECK(site.route("Alice") == "fs2 fs2:9419 fs2b:9419");
    CHECK(site.counters.of(Query::server) == 1);  // remembered
    CHECK(site.hints.learned.empty());
}

TEST_CASE("a missing hint leads to the table, and is mended") {
    Site site;
    CHECK(site.route("Alice") == "fs1 fs1:9419");
    CHECK(site.counters.of(Query::hint, Answer::missing) == 1);
    CHECK(site.counters.of(Query::route, Answer::found) == 1);
    CHECK(site.hints.learned == std::vector<std::string>{"alice fs1"});
    CHECK(site.route("bob") == "-");
    CHECK(site.hints.learned.size() == 1);
}

TEST_CASE("hints that are away, or name a server that is not there, lead to the table and are left alone") {
    Site site;
    site.hints.away = true;
    CHECK(site.route("alice") == "fs1 fs1:9419");
    CHECK(site.counters.of(Query::hint, Answer::unavailable) == 1);
    site.hints.away = false;
    site.hints.routes.emplace("alice", server("fs9"));
    CHECK(site.route("alice") == "fs1 fs1:9419");
    CHECK(site.counters.of(Query::server, Answer::missing) == 1);
    site.hints.routes.emplace("bob", server("fs9"));
    CHECK(site.route("bob") == "-");
    CHECK(site.hints.learned.empty());
}

TEST_CASE("a table that is away is unavailable, whatever the hints say of nobody") {
    Site site;
    site.by_hand("ALTER TABLE routes RENAME TO away");
    Directory directory = site.directory();
    directory.follow(site.hints, site.cache);
    const auto route = directory.find_route(login("alice"));
    REQUIRE_FALSE(route);
    CHECK(route.error().kind == ErrorKind::unavailable);
}

TEST_CASE("a server's endpoints are forgotten after seconds") {
    ServerCache cache;
    const auto now = ServerCache::Clock::now();
    cache.keep(Route{server("fs1"), {*Endpoint::parse("fs1:9419")}}, now);
    CHECK(cache.find(server("fs1"), now + server_cache_life - std::chrono::milliseconds(1)));
    CHECK_FALSE(cache.find(server("fs1"), now + server_cache_life));
    CHECK_FALSE(cache.find(server("FS1"), now));
}

TEST_CASE("endpoints that cannot be read are the last known, and a server that is removed is none") {
    Site site;
    site.hints.routes.emplace("alice", server("fs2"));
    CHECK(site.route("alice") == "fs2 fs2:9419 fs2b:9419");
    const auto make_old = [&site] {
        const auto past = ServerCache::Clock::now() - server_cache_life;
        site.cache.keep(Route{server("fs2"), {*Endpoint::parse("fs2:9419")}}, past);
    };
    make_old();
    site.by_hand("ALTER TABLE endpoints RENAME TO away");
    CHECK(site.route("alice") == "fs2 fs2:9419");
    CHECK(site.counters.of(Query::server, Answer::unavailable) == 1);
    CHECK(site.route("alice") == "fs2 fs2:9419");
    CHECK(site.counters.of(Query::server, Answer::unavailable) == 1);  // asked again in seconds
    make_old();
    site.by_hand("ALTER TABLE away RENAME TO endpoints");
    CHECK(site.route("alice") == "fs2 fs2:9419 fs2b:9419");
    make_old();
    site.by_hand("DELETE FROM endpoints WHERE server_id = (SELECT id FROM servers WHERE name = 'fs2')");
    site.by_hand("DELETE FROM servers WHERE name = 'fs2'");
    CHECK(site.route("alice") == "fs1 fs1:9419");
    CHECK_FALSE(site.cache.recall(server("fs2")));
}

TEST_CASE("nobody is routed to `local` for good while no server was added") {
    Store store;
    WrittenHints hints;
    ServerCache cache;
    Directory directory = store.directory();
    directory.follow(hints, cache);
    CHECK(must(directory.find_route(login("alice")))->server.text() == "local");
    CHECK(hints.learned.empty());
}

}  // namespace gerve::testing

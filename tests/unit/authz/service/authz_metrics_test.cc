// What questions cost, read from the counters, with a real Redis in front of the table.
#include "authz/service/authz_metrics.h"

#include <signal.h>

#include "authz/os/shared_page.h"
#include "authz/os/unix_socket.h"
#include "authz/store/redis/redis_routes.h"
#include "tests/unit/authz/service/fixture.h"
#include "tests/unit/authz/store/redis/redis_server.h"

namespace gerve::testing {
namespace {

// Queries of each kind, as "key 1, repository 1, …" without those that were not asked.
std::string cost(const AuthzMetrics& metrics) {
    std::string text;
    for (std::size_t i = 0; i < query_count; ++i) {
        const auto query = static_cast<Query>(i);
        if (metrics.queries.of(query) == 0) continue;
        text += (text.empty() ? "" : ", ") + std::string(query_name(query)) + " " +
                std::to_string(metrics.queries.of(query));
    }
    return text;
}

// alice's repositories lie on fs1; two threads answer.
struct RoutedSite {
    RoutedSite() {
        Registry registry = store.registry();
        must(registry.add_account(login("alice"), AccountKind::user));
        must(registry.add_account(login("bob"), AccountKind::user));
        must(registry.create_repository(repo("alice/site"), false));
        must(registry.create_repository(repo("alice/open"), true));
        must(registry.grant_access(repo("alice/site"), login("bob"), Access::read));
        must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
        must(registry.add_key(login("bob"), make_key(2), {"", std::nullopt}));
        must(registry.add_server(ServerName::parse("fs1").value(), {Endpoint::parse("fs1:9419").value()}));
        must(registry.set_route(login("alice"), ServerName::parse("fs1").value()));
        RedisConfig config;
        config.address = redis.socket();
        redis.ask({"SET", "route:alice", "fs1"});
        routes = std::make_unique<RedisRoutes>(must(RedisSettings::make(config)), 2, metrics->redis);
        REQUIRE(comes_true([&] { return metrics->redis.connections.value() == 3; }));
        server = std::make_unique<AuthzServer>(
            must(listen_unix(socket, UnixSocketType::packets, 0600)),
            ServerParts{[this] { return Result<std::unique_ptr<Database>>(store.connect()); },
                        PeerTable({{::geteuid(), {PeerKinds::all(), "git"}}}), Signer(key),
                        Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/run/agent.sock")}},
                        &audit, 2, routes.get(), metrics.get()});
        must(server->start());
    }
    // The server that a clone is sent to; "" when it cannot be told now, "stale" for a stale handle.
    std::string clone(unsigned key_number, std::string_view path = "alice/site") {
        AuthzClient client(socket, std::chrono::seconds(5));
        const auto found = must_find(client, key_number);
        const auto granted = client.ask(ask_access(found.handle, Service::upload_pack, path));
        if (!granted) return "";
        if (std::holds_alternative<StaleHandle>(*granted)) return "stale";
        return std::get<Granted>(*granted).destinations.front().server.text();
    }

    Store store;
    TemporaryDirectory directory;
    std::string socket = directory.file("authz.sock");
    TicketKey key = TicketKey::make();
    AuditSink audit;
    RedisServer redis;
    std::unique_ptr<AuthzMetrics> metrics = std::make_unique<AuthzMetrics>();
    std::unique_ptr<RedisRoutes> routes;
    std::unique_ptr<AuthzServer> server;
};

}  // namespace

TEST_CASE("an owner's clone asks for key, repository and Redis's route, and for nothing else") {
    RoutedSite site;
    (void)site.clone(1);  // remembers the server's endpoints
    const std::string once = cost(*site.metrics);
    CHECK(once == "key 1, repository 1, hint 1, server 1");
    CHECK(site.clone(1) == "fs1");
    CHECK(cost(*site.metrics) == "key 2, repository 2, hint 2, server 1");
}

TEST_CASE("a collaborator's clone asks for the permission as well, that of a public repository does not") {
    RoutedSite site;
    (void)site.clone(1);
    CHECK(site.clone(2) == "fs1");
    CHECK(cost(*site.metrics) == "key 2, repository 2, permission 1, hint 2, server 1");
    CHECK(site.clone(2, "alice/open") == "fs1");
    CHECK(cost(*site.metrics) == "key 3, repository 3, permission 1, hint 3, server 1");
}

TEST_CASE("without Redis, clones go on through the table") {
    RoutedSite site;
    site.redis.kill();
    CHECK(site.clone(1) == "fs1");
    CHECK(site.clone(2) == "fs1");
    CHECK(site.metrics->queries.of(Query::route, Answer::found) == 2);
    CHECK(site.metrics->queries.of(Query::hint, Answer::unavailable) == 2);
    CHECK(site.metrics->questions[index_of_request<AuthorizeRequest>()][0].value() == 2);
    site.redis.start();  // empty: it forgot the route
    REQUIRE(comes_true([&] { return site.metrics->redis.live.value() == 1; }));
    CHECK(site.clone(1) == "fs1");
    CHECK(comes_true([&] { return site.redis.ask({"GET", "route:alice"}).text == "fs1"; }));
}

TEST_CASE("a Redis that stops costs the first clone its timeout, and no wrong answer") {
    RoutedSite site;
    site.redis.signal(SIGSTOP);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) CHECK(site.clone(1) == "fs1");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1500));
    site.redis.signal(SIGCONT);
    CHECK(comes_true([&] { return site.metrics->redis.live.value() == 1; }));
}

TEST_CASE("questions are counted by kind and end, and timed") {
    RoutedSite site;
    AuthzClient client(site.socket, std::chrono::seconds(5));
    must(client.ask(ReadyRequest()));
    const auto found = must_find(client, 1);
    (void)client.ask(ask_access("c3RhbGU="));
    site.store.by_hand("ALTER TABLE public_keys RENAME TO away");
    CHECK(client.ask(ask_key(1)).error().kind == ErrorKind::unavailable);
    CHECK(client.ask(ReadyRequest()).error().kind == ErrorKind::unavailable);
    const auto count = [&](std::size_t question, AnswerKind kind) {
        return site.metrics->questions[question][static_cast<std::size_t>(kind)].value();
    };
    CHECK(count(index_of_request<ReadyRequest>(), AnswerKind::answered) == 1);
    CHECK(count(index_of_request<ReadyRequest>(), AnswerKind::unavailable) == 1);
    CHECK(count(index_of_request<KeyRequest>(), AnswerKind::answered) == 1);
    CHECK(count(index_of_request<KeyRequest>(), AnswerKind::unavailable) == 1);
    CHECK(count(index_of_request<AuthorizeRequest>(), AnswerKind::answered) == 1);
    CHECK(site.metrics->stale_handles.value() == 1);
    CHECK(site.metrics->threads.value() == 2);
    const Histogram& times = site.metrics->question_times[index_of_request<KeyRequest>()];
    // A question is timed behind its answer, so the second may not be in yet.
    std::uint64_t timed = 0;
    for (int look = 0; look < 200 && timed != 2; ++look) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        timed = 0;
        for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) timed += times.in_bucket(i);
    }
    CHECK(timed == 2);
}

TEST_CASE("threads and connections are shown again where another process has shown its own") {
    RoutedSite site;
    const auto both = [&](std::int64_t threads, std::int64_t links) {
        return site.metrics->threads.value() == threads && site.metrics->live_links.value() == links;
    };
    REQUIRE(comes_true([&] { return both(2, 2); }));
    site.metrics->threads.set(9);
    site.metrics->live_links.set(0);
    CHECK(comes_true([&] { return both(2, 2); }));
}

TEST_CASE("ready follows the database") {
    RoutedSite site;
    AuthzClient client(site.socket, std::chrono::seconds(5));
    must(client.ask(ReadyRequest()));
    site.store.by_hand("ALTER TABLE public_keys RENAME TO away");
    CHECK(client.ask(ReadyRequest()).error().kind == ErrorKind::unavailable);
    site.store.by_hand("ALTER TABLE away RENAME TO public_keys");
    CHECK(comes_true([&] { return client.ask(ReadyRequest()).has_value(); }));
    REQUIRE(site.server->stop(std::chrono::seconds(2)));
    CHECK(AuthzClient(site.socket, std::chrono::milliseconds(300)).ask(ReadyRequest()).error().kind ==
          ErrorKind::unavailable);
}

TEST_CASE("a page is shared by those of one layout, and refused to those of another") {
    const Fd page = must(make_shared_page("test"));
    auto& writer = numbers_of<AuthzMetrics>(page);
    writer.expired.add(7);
    const auto reader = must(SharedPage::map(page, layout_of<AuthzMetrics>(), PageAccess::read));
    CHECK(static_cast<const AuthzMetrics*>(reader.content())->expired.value() == 7);
    CHECK(reader.matches(layout_of<AuthzMetrics>()));
    CHECK_FALSE(reader.matches(layout_of<AuthzMetrics>() + 1));
    CHECK_FALSE(SharedPage::map(page, layout_of<AuthzMetrics>() + 1, PageAccess::write));
    CHECK(::ftruncate(page.get(), 0) != 0);
    CHECK_FALSE(SharedPage::map(Fd(::dup(0)), 1, PageAccess::write));
}

}  // namespace gerve::testing

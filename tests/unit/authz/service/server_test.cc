#include "authz/service/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "authz/service/wire.h"
#include "authz/store/open_database.h"
#include "authz/store/sqlite.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

Fd connect_raw(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{5, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
}

std::string receive(const Fd& socket) {
    std::string message(max_authz_message, '\0');
    const ssize_t got = ::recv(socket.get(), message.data(), message.size(), 0);
    message.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return message;
}

void send(const Fd& socket, const std::string& message) {
    REQUIRE(::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(message.size()));
}

template <class T>
ErrorKind kind_of(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error().kind;
}

std::string in_environment(const Open& open, std::string_view name) {
    for (const auto& [key, value] : open.env) {
        if (key == name) return value;
    }
    return "(not set)";
}

}  // namespace

TEST_CASE("a known key is found, an unknown one missing") {
    const Site site;
    auto client = site.client();
    const KeyFound found = must_find(client, 1);
    CHECK(std::get<User>(found.key.owner).login.text() == "Alice");
    CHECK_FALSE(found.handle.empty());
    CHECK_FALSE(must(client.key(ask_key(9))).has_value());
}

TEST_CASE("an owner is granted with a ticket for one operation, at the price of no permission query") {
    const Site site;
    auto client = site.client();
    const auto request = ask_access(must_find(client, 1).handle, Service::receive_pack, "ALICE/site");
    const auto answer = must(client.authorize(request));
    const auto& granted = std::get<Granted>(answer);
    CHECK(granted.because == Rule::owner);
    CHECK(granted.repo.text() == "Alice/Site");
    CHECK(granted.notice.empty());
    REQUIRE(granted.destinations.size() == 1);
    CHECK(granted.destinations[0].server.text() == "local");
    CHECK(granted.destinations[0].endpoint.text() == "unix:/run/agent.sock");

    const auto open = must(parse_open(granted.destinations[0].open));
    CHECK(is_signed_by(open, site.key));
    CHECK(open.key_id == site.key.id());
    CHECK(open.open.service == Service::receive_pack);
    CHECK(open.open.owner == "Alice");
    CHECK(open.open.storage_path == "Alice/Site.git");
    CHECK(open.open.audience == "local");
    CHECK(open.open.git_protocol == "version=2");
    CHECK(open.open.request_id == request.request.bytes());
    CHECK(open.open.repo_id == 1);
    CHECK(std::abs(open.open.time - unix_now()) < 10'000);
    CHECK(in_environment(open.open, "GERVE_USER") == "Alice");
    CHECK(in_environment(open.open, "GERVE_USER_ID") == "1");
    CHECK(in_environment(open.open, "GERVE_KEY") == make_key(1).fingerprint().text());
    CHECK(in_environment(open.open, "GERVE_REPO") == "Alice/Site");
    CHECK(in_environment(open.open, "GERVE_REQUEST_ID") == request.request.text());
    CHECK(in_environment(open.open, "GERVE_REMOTE_ADDR") == "192.0.2.7");
    CHECK(in_environment(open.open, "GERVE_PROTOCOL") == "ssh");

    CHECK(site.asked(Query::key) == 1);
    CHECK(site.asked(Query::repository) == 1);
    CHECK(site.asked(Query::permission) == 0);
    CHECK(site.asked(Query::route) == 1);
}

TEST_CASE("a collaborator costs one permission query, and is refused a push without a route query") {
    const Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 2).handle;
    CHECK(std::get<Granted>(must(client.authorize(ask_access(handle)))).because == Rule::collaborator);
    CHECK(site.asked(Query::permission) == 1);
    const auto refused = std::get<Refused>(must(client.authorize(ask_access(handle, Service::receive_pack))));
    CHECK(refused.told == "ERROR: Permission to Alice/Site denied to bob.\n");
    CHECK(refused.exit == ExitStatus::refused);
    CHECK(refused.because == Rule::no_write_access);
    CHECK(site.asked(Query::permission) == 2);
    CHECK(site.asked(Query::route) == 1);
}

TEST_CASE("a deploy key's hooks learn that it is one") {
    const Site site;
    auto client = site.client();
    const auto answer = must(client.authorize(ask_access(must_find(client, 3).handle)));
    const auto& granted = std::get<Granted>(answer);
    CHECK(granted.because == Rule::deploy_key);
    const auto open = must(parse_open(granted.destinations.at(0).open));
    CHECK(in_environment(open.open, "GERVE_USER") == "deploy-key");
    CHECK(in_environment(open.open, "GERVE_USER_ID").empty());
}

TEST_CASE("each endpoint has a ticket of its own; a git daemon has none, and serves fetches alone") {
    Site site;
    must(site.store.registry().add_server(
        *ServerName::parse("fs1"),
        {*Endpoint::parse("a:1"), *Endpoint::parse("b:1"), *Endpoint::parse("git://c:9418")}));
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    // Servers were added, and none is alice's: nobody knows where her repositories are.
    CHECK(kind_of(client.authorize(ask_access(handle))) == ErrorKind::unavailable);
    must(site.store.registry().set_route(login("alice"), *ServerName::parse("fs1")));
    const auto fetch = std::get<Granted>(must(client.authorize(ask_access(handle))));
    REQUIRE(fetch.destinations.size() == 3);
    const auto first = must(parse_open(fetch.destinations[0].open));
    const auto second = must(parse_open(fetch.destinations[1].open));
    CHECK(first.open.nonce != second.open.nonce);
    CHECK(first.open.audience == "fs1");
    CHECK(fetch.destinations[2].open.empty());
    CHECK(std::get<Granted>(must(client.authorize(ask_access(handle, Service::receive_pack))))
              .destinations.size() == 2);
    must(site.store.registry().set_endpoints(*ServerName::parse("fs1"), {*Endpoint::parse("git://c:9418")}));
    CHECK(kind_of(client.authorize(ask_access(handle, Service::receive_pack))) == ErrorKind::unavailable);
}

TEST_CASE("who may read a moved repository is told where it went; who may not, that there is none") {
    Site site;
    must(site.store.registry().rename_repository(repo("alice/site"), repo("alice/web")));
    auto client = site.client();
    const auto granted = std::get<Granted>(must(client.authorize(ask_access(must_find(client, 2).handle))));
    CHECK(granted.repo.text() == "Alice/web");
    CHECK(granted.notice == "remote: alice/site has moved to Alice/web\n");
    must(site.store.registry().revoke_access(repo("alice/web"), login("bob")));
    const auto refused = std::get<Refused>(must(client.authorize(ask_access(must_find(client, 2).handle))));
    CHECK(refused.told == messages::repository_not_found());
}

TEST_CASE("an address that is no address cannot forge what a hook reads") {
    const Site site;
    auto client = site.client();
    ClientContext context = from_gateway();
    context.address = std::string("1.2.3.4\nGERVE_USER=root\0", 24);
    const auto found = must_find(client, 1, context);
    const auto granted = std::get<Granted>(
        must(client.authorize(ask_access(found.handle, Service::upload_pack, "alice/site", context))));
    const auto open = must(parse_open(granted.destinations.at(0).open));
    CHECK(in_environment(open.open, "GERVE_REMOTE_ADDR") == "1.2.3.4\\x0aGERVE_USER=root\\x00");
    CHECK(in_environment(open.open, "GERVE_USER") == "Alice");
}

TEST_CASE("over the socket, each kind of peer is answered its own questions alone") {
    for (const PeerKind kind :
         {PeerKind::worker, PeerKind::authorized_keys, PeerKind::forced_command, PeerKind::administrator}) {
        const Site site(only(kind));
        auto client = site.client();
        const HandleSeal seal(site.key);
        const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
        const std::string worker_handle =
            seal.seal({alice, PeerKind::worker, "connection c1", monotonic_now()});
        const std::string sshd_handle =
            seal.seal({alice, PeerKind::authorized_keys, "login git", monotonic_now()});
        const bool worker = kind == PeerKind::worker;
        const bool command = kind == PeerKind::forced_command;
        CAPTURE(static_cast<int>(kind));
        CHECK(client.key(ask_key(1)).has_value() == worker);
        CHECK(client.authorize(ask_access(worker_handle)).has_value() == worker);
        CHECK(client.report(make_report(worker_handle)).has_value() == worker);
        CHECK(client.key(ask_key(1, from_sshd())).has_value() == (kind == PeerKind::authorized_keys));
        CHECK(client.authorize(ask_access(sshd_handle, Service::upload_pack, "alice/site", from_sshd()))
                  .has_value() == command);
        CHECK(client.report(make_report(sshd_handle, from_sshd())).has_value() == command);
        if (!worker) CHECK(kind_of(client.key(ask_key(1))) == ErrorKind::internal);
    }
}

TEST_CASE("a stranger is told nothing and does not stay") {
    const Site site(PeerKinds{});
    auto client = site.client();
    const auto key = client.key(ask_key(1));
    CHECK(kind_of(key) == ErrorKind::internal);
    CHECK(site.asked(Query::key) == 0);
    const Fd socket = connect_raw(site.socket);
    CHECK(receive(socket) == "{\"id\":0,\"error\":\"refused\"}");
    CHECK(receive(socket).empty());
}

TEST_CASE("a handle serves the connection and the kind of peer that it was given to, and no other") {
    const Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    CHECK(kind_of(client.authorize(ask_access(handle, Service::upload_pack, "alice/site",
                                              from_gateway("c2")))) == ErrorKind::internal);
    CHECK(kind_of(client.authorize(ask_access(handle, Service::upload_pack, "alice/site", from_sshd()))) ==
          ErrorKind::internal);
    CHECK(kind_of(client.report(make_report(handle, from_gateway("c2")))) == ErrorKind::internal);
    const std::string sshd = must_find(client, 1, from_sshd()).handle;
    CHECK(kind_of(client.authorize(ask_access(sshd))) == ErrorKind::internal);
    CHECK(std::holds_alternative<Granted>(
        must(client.authorize(ask_access(sshd, Service::upload_pack, "alice/site", from_sshd())))));
    // The user that the forced command runs as is not the one whom sshd let in.
    KeyRequest other = ask_key(1, from_sshd());
    other.login = "someone";
    const auto elsewhere = must(client.key(other));
    CHECK(kind_of(client.authorize(ask_access(elsewhere->handle, Service::upload_pack, "alice/site",
                                              from_sshd()))) == ErrorKind::internal);
}

TEST_CASE("what was never sealed here is stale: look the key up again") {
    const Site site;
    auto client = site.client();
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const std::string foreign =
        HandleSeal(TicketKey::make()).seal({alice, PeerKind::worker, "connection c1", monotonic_now()});
    for (const std::string& handle : {foreign, std::string(), std::string("AAAA"), std::string("!")}) {
        CHECK(std::holds_alternative<StaleHandle>(must(client.authorize(ask_access(handle)))));
    }
    CHECK(site.asked(Query::repository) == 0);
}

TEST_CASE("a worker's handle goes stale after seconds, and one from the future is stale") {
    const Site site;
    auto client = site.client();
    const HandleSeal seal(site.key);
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const auto answer_at_age = [&](std::int64_t age) {
        const Handle handle{alice, PeerKind::worker, "connection c1", monotonic_now() - age};
        return must(client.authorize(ask_access(seal.seal(handle))));
    };
    CHECK(std::holds_alternative<Granted>(answer_at_age(9'000)));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(10'001)));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(-5'000)));
}

TEST_CASE("sshd's handle lives longer, but the key behind it is looked up again") {
    Site site;
    auto client = site.client();
    const HandleSeal seal(site.key);
    const KnownKey bob{KeyId{2}, make_key(2).fingerprint(), User{AccountId{2}, login("bob")}};
    const auto answer_at_age = [&](std::int64_t age) {
        const Handle handle{bob, PeerKind::authorized_keys, "login git", monotonic_now() - age};
        return must(
            client.authorize(ask_access(seal.seal(handle), Service::upload_pack, "alice/site", from_sshd())));
    };
    CHECK(std::holds_alternative<Granted>(answer_at_age(100)));
    CHECK(site.asked(Query::key) == 0);
    CHECK(std::holds_alternative<Granted>(answer_at_age(100'000)));
    CHECK(site.asked(Query::key) == 1);
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(180'001)));
    must(site.store.registry().suspend_account(login("bob")));
    CHECK(std::get<Refused>(answer_at_age(100'000)).because == Rule::suspended);
    must(site.store.registry().revoke_key(make_key(2).fingerprint()));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(100'000)));
}

TEST_CASE("a question past its deadline is dropped before it costs anything") {
    const Site site;
    const Fd socket = connect_raw(site.socket);
    send(socket, encode_request({1, monotonic_now() - 1}, ask_key(1)));
    send(socket, encode_request({2, monotonic_now() + 5'000}, ask_key(1)));
    CHECK(parse_reply_id(receive(socket)) == 2);
    while (site.server.expired() == 0) std::this_thread::yield();
    CHECK(site.server.expired() == 1);
    CHECK(site.asked(Query::key) == 1);
}

TEST_CASE("one connection may ask much at a time; every question is answered once") {
    const Site site;
    const Fd socket = connect_raw(site.socket);
    std::set<std::uint64_t> waiting;
    for (std::uint64_t id = 1; id <= 100; ++id) {
        send(socket, encode_request({id, monotonic_now() + 5'000}, ask_key(static_cast<unsigned>(id % 4))));
        waiting.insert(id);
    }
    while (!waiting.empty()) {
        const std::string reply = receive(socket);
        const auto id = parse_reply_id(reply);
        REQUIRE(id.has_value());
        CHECK(waiting.erase(*id) == 1);
        CHECK(must(parse_key_reply(reply)).has_value() == (*id % 4 != 0));
    }
}

TEST_CASE("nonsense is answered with an error that says nothing, and the connection goes on") {
    const Site site;
    const Fd socket = connect_raw(site.socket);
    for (const std::string& nonsense :
         {std::string("x"), std::string("{}"), std::string(max_authz_message, '['),
          std::string("{\"id\":7,\"deadline\":1,\"ask\":\"shutdown\"}")}) {
        send(socket, nonsense);
        const std::string reply = receive(socket);
        CHECK(reply.find("\"error\":\"malformed\"") != std::string::npos);
        CHECK(reply.size() < 40);
    }
    send(socket, encode_request({9, monotonic_now() + 5'000}, ask_key(1)));
    CHECK(parse_reply_id(receive(socket)) == 9);
    // More than a message may hold: cut off.
    send(socket, std::string(max_authz_message + 1, 'x'));
    CHECK(receive(socket).empty());
}

TEST_CASE("64 clients at once, each with its own handle, get their own answers") {
    const Site site;
    std::vector<std::thread> threads;
    std::atomic<unsigned> right{0};
    for (unsigned i = 0; i < 64; ++i) {
        threads.emplace_back([&, i] {
            auto client = site.client(std::chrono::seconds(30));
            const unsigned n = 1 + i % 2;
            const ClientContext context = from_gateway("c" + std::to_string(i));
            for (int round = 0; round < 20; ++round) {
                const auto found = client.key(ask_key(n, context));
                if (!found || !*found) return;
                const auto answer = client.authorize(
                    ask_access((*found)->handle, Service::receive_pack, "alice/site", context));
                if (!answer) return;
                const auto* granted = std::get_if<Granted>(&*answer);
                if ((granted != nullptr && granted->because == Rule::owner) == (n == 1)) ++right;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right == 64 * 20);
}

TEST_CASE("without its database authz answers unavailable at once, and serves again soon after it is back") {
    std::atomic<bool> away{true};
    Store* store = nullptr;
    Site site(PeerKinds::all(), "git", [&]() -> Result<std::unique_ptr<Database>> {
        if (away) return unavailable("away");
        return store->connect();
    });
    store = &site.store;
    auto client = site.client();
    for (int i = 0; i < 5; ++i) {
        const auto start = monotonic_now();
        CHECK(kind_of(client.key(ask_key(1))) == ErrorKind::unavailable);
        CHECK(monotonic_now() - start < 500);
    }
    // What ended can be told all the same.
    CHECK(client.report(make_report("")).has_value());
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    away = false;
    const auto back = monotonic_now();
    while (!client.key(ask_key(1))) {
        REQUIRE(monotonic_now() - back < 3'000);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

TEST_CASE("a table that vanishes is unavailable to each asker, never missing, and its return is noticed") {
    Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    site.store.by_hand("ALTER TABLE public_keys RENAME TO away");
    for (int i = 0; i < 20; ++i) CHECK(kind_of(client.key(ask_key(1))) == ErrorKind::unavailable);
    for (int i = 0; i < 20; ++i) CHECK(kind_of(client.key(ask_key(9))) == ErrorKind::unavailable);
    site.store.by_hand("ALTER TABLE away RENAME TO public_keys");
    const auto back = monotonic_now();
    while (!client.key(ask_key(1))) {
        REQUIRE(monotonic_now() - back < 3'000);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(std::holds_alternative<Granted>(must(client.authorize(ask_access(handle)))));
}

TEST_CASE("one row that makes no sense does not cost the others their connection") {
    Site site;
    site.store.by_hand("UPDATE accounts SET login = 'a b' WHERE login_folded = 'bob'");
    auto client = site.client();
    for (int i = 0; i < 20; ++i) {
        CHECK(kind_of(client.key(ask_key(2))) == ErrorKind::unavailable);
        CHECK(must(client.key(ask_key(1))).has_value());
    }
}

TEST_CASE("a server that stops has answered what it took, and takes no more") {
    auto site = std::make_unique<Site>();
    auto client = site->client(std::chrono::milliseconds(300));
    (void)must_find(client, 1);
    const auto start = monotonic_now();
    CHECK(site->server.stop(std::chrono::seconds(2)));
    CHECK(monotonic_now() - start < 1'000);
    CHECK(kind_of(client.key(ask_key(1))) == ErrorKind::unavailable);
}

TEST_CASE("listening: a socket that nobody serves is replaced, one that somebody serves is not") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("s");
    {
        const Fd first = must(listen_for_peers(path, 0600));
        CHECK(kind_of(listen_for_peers(path, 0600)) == ErrorKind::internal);
    }
    const Fd second = must(listen_for_peers(path, 0666));
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0666);
    CHECK(kind_of(listen_for_peers(directory.file(std::string(200, 'x')), 0600)) == ErrorKind::internal);
}

namespace {

// run_authz() on a thread of this process, and the master's end of its control socket.
struct Process {
    explicit Process(const Config& config) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        control = Fd(ends[0]);
        thread = std::thread(
            [this, config, other = ends[1]] { status = run_authz(config, std::nullopt, Fd(other)); });
        char text[8] = "";
        ready = ::read(control.get(), text, sizeof text) == 5 && std::string_view(text, 5) == "ready";
    }
    // Milliseconds that the end took.
    std::int64_t join() {
        const auto start = monotonic_now();
        thread.join();
        return monotonic_now() - start;
    }
    Fd control;
    std::thread thread;
    bool ready = false;
    int status = -1;
};

}  // namespace

TEST_CASE("the process makes what it needs, says that it is ready, serves, and ends with its master") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    config.authz.threads = 2;
    must(Registry(*must(open_for_administration(config))).add_account(login("alice"), AccountKind::user));
    Process process(config);
    REQUIRE(process.ready);
    AuthzClient client(config.authz_socket(), std::chrono::seconds(5));
    CHECK_FALSE(must(client.key(ask_key(1))).has_value());
    struct stat status {};
    REQUIRE(::stat(config.local_ticket_key().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    REQUIRE(::stat(config.authz_socket().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    process.control.reset();
    CHECK(process.join() < 2'000);
    CHECK(process.status == 0);
    CHECK(kind_of(client.key(ask_key(1))) == ErrorKind::unavailable);
}

TEST_CASE("SIGTERM ends the process in order, Ctrl-C is the master's to decide about") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    config.authz.threads = 2;
    Process process(config);
    REQUIRE(process.ready);
    ::pthread_kill(process.thread.native_handle(), SIGINT);
    ::pthread_kill(process.thread.native_handle(), SIGHUP);
    AuthzClient client(config.authz_socket(), std::chrono::seconds(5));
    CHECK_FALSE(must(client.key(ask_key(1))).has_value());
    ::pthread_kill(process.thread.native_handle(), SIGTERM);
    CHECK(process.join() < 2'000);
    CHECK(process.status == 0);
}

TEST_CASE("the process does not start with a key that others can read, or for a user that does not exist") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    (void)must(open_for_administration(config));
    std::ofstream(config.local_ticket_key()) << TicketKey::make().file_content();
    std::filesystem::permissions(config.local_ticket_key(), std::filesystem::perms(0644));
    Process loose(config);
    loose.join();
    CHECK_FALSE(loose.ready);
    CHECK(loose.status == 1);
    std::filesystem::permissions(config.local_ticket_key(), std::filesystem::perms(0600));
    config.authz.worker_user = "no-such-user-here";
    Process unknown(config);
    unknown.join();
    CHECK_FALSE(unknown.ready);
    CHECK(unknown.status == 1);
}

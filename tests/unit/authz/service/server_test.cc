#include "authz/service/server.h"

#include <sys/socket.h>

#include <map>
#include <set>

#include "authz/wire/wire.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

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

}  // namespace

TEST_CASE("a known key is found, an unknown one missing") {
    const Site site;
    auto client = site.client();
    const KeyFound found = must_find(client, 1);
    CHECK(std::get<User>(found.key.holder).login.text() == "Alice");
    CHECK_FALSE(found.handle.empty());
    CHECK_FALSE(must(client.ask(ask_key(9))).has_value());
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
        CHECK(client.ask(ask_key(1)).has_value() == worker);
        CHECK(client.ask(ask_access(worker_handle)).has_value() == worker);
        CHECK(client.ask(make_report(worker_handle)).has_value() == worker);
        CHECK(client.ask(ask_key(1, from_sshd())).has_value() == (kind == PeerKind::authorized_keys));
        CHECK(client.ask(ask_access(sshd_handle, Service::upload_pack, "alice/site", from_sshd()))
                  .has_value() == command);
        CHECK(client.ask(make_report(sshd_handle, from_sshd())).has_value() == command);
        CHECK(client.ask(HolderRequest{sshd_handle, from_sshd()}).has_value() == command);
        CHECK_FALSE(client.ask(HolderRequest{worker_handle, from_gateway()}).has_value());
        if (!worker) CHECK(kind_of(client.ask(ask_key(1))) == ErrorKind::internal);
    }
}

TEST_CASE("a stranger is told nothing and does not stay") {
    const Site site(PeerKinds{});
    auto client = site.client();
    const auto key = client.ask(ask_key(1));
    CHECK(kind_of(key) == ErrorKind::internal);
    CHECK(site.asked(Query::key) == 0);
    const Fd socket = connect_raw(site.socket);
    CHECK(receive(socket) == "{\"id\":0,\"error\":\"refused\"}");
    CHECK(receive(socket).empty());
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
        CHECK(must(parse_reply<std::optional<KeyFound>>(reply)).has_value() == (*id % 4 != 0));
    }
}

TEST_CASE("questions that come together are answered each, whatever they ask and wherever nonsense stands") {
    const Site site(only(PeerKind::worker));
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    const Fd socket = connect_raw(site.socket);
    const std::int64_t deadline = monotonic_now() + 5'000;
    for (int round = 0; round < 50; ++round) {
        send(socket, encode_request({1, deadline}, ask_key(1)));
        send(socket, encode_request({2, deadline}, ask_key(9)));
        send(socket, "{\"id\":3}");
        send(socket, encode_request({4, deadline}, ask_access(handle)));
        send(socket, encode_request({5, deadline}, ask_key(1)));
        send(socket, encode_request({6, deadline}, ReadyRequest{from_gateway()}));
        send(socket, encode_request({7, deadline}, ask_key(1, from_sshd())));
        std::map<std::uint64_t, std::string> replies;
        for (int i = 0; i < 7; ++i) {
            const std::string reply = receive(socket);
            replies[must(parse_reply_id(reply))] = reply;
        }
        REQUIRE(replies.size() == 7);
        CHECK(must(parse_reply<std::optional<KeyFound>>(replies[1])).has_value());
        CHECK_FALSE(must(parse_reply<std::optional<KeyFound>>(replies[2])).has_value());
        CHECK_FALSE(parse_reply<std::optional<KeyFound>>(replies[3]).has_value());
        CHECK(std::holds_alternative<Granted>(must(parse_reply<Authorization>(replies[4]))));
        CHECK(must(parse_reply<std::optional<KeyFound>>(replies[5])).has_value());
        CHECK(parse_reply<Done>(replies[6]).has_value());
        CHECK(kind_of(parse_reply<std::optional<KeyFound>>(replies[7])) == ErrorKind::internal);
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
                const auto found = client.ask(ask_key(n, context));
                if (!found || !*found) return;
                const auto answer =
                    client.ask(ask_access((*found)->handle, Service::receive_pack, "alice/site", context));
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
        CHECK(kind_of(client.ask(ask_key(1))) == ErrorKind::unavailable);
        CHECK(monotonic_now() - start < 500);
    }
    // What ended can be told all the same.
    CHECK(client.ask(make_report("")).has_value());
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    away = false;
    const auto back = monotonic_now();
    while (!client.ask(ask_key(1))) {
        REQUIRE(monotonic_now() - back < 3'000);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

TEST_CASE("a table that vanishes is unavailable to each asker, never missing, and its return is noticed") {
    Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    site.store.by_hand("ALTER TABLE public_keys RENAME TO away");
    for (int i = 0; i < 20; ++i) CHECK(kind_of(client.ask(ask_key(1))) == ErrorKind::unavailable);
    for (int i = 0; i < 20; ++i) CHECK(kind_of(client.ask(ask_key(9))) == ErrorKind::unavailable);
    site.store.by_hand("ALTER TABLE away RENAME TO public_keys");
    const auto back = monotonic_now();
    while (!client.ask(ask_key(1))) {
        REQUIRE(monotonic_now() - back < 3'000);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(std::holds_alternative<Granted>(must(client.ask(ask_access(handle)))));
}

TEST_CASE("a statement that fails for some takes no connection from the others") {
    Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    site.store.by_hand("ALTER TABLE collaborators RENAME TO away");
    std::atomic<bool> stop{false};
    std::atomic<unsigned> refused{0};
    std::vector<std::thread> strangers;
    for (int i = 0; i < 3; ++i) {
        strangers.emplace_back([&] {
            auto asking = site.client();
            const auto found = asking.ask(ask_key(2));
            while (!stop && found && *found) {
                const auto answer = asking.ask(ask_access((*found)->handle));
                if (!answer && answer.error().kind == ErrorKind::unavailable) ++refused;
            }
        });
    }
    const auto began = monotonic_now();
    while (refused == 0 && monotonic_now() - began < 5'000)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(refused > 0);
    for (int i = 0; i < 60; ++i) {
        const auto answer = client.ask(ask_access(handle));
        CHECK_MESSAGE(answer.has_value(), describe(answer.error()));
    }
    stop = true;
    for (std::thread& stranger : strangers) stranger.join();
    CHECK(site.server.live_links() >= 4);
    // No pause has to go by: the table is back, and so is the answer.
    site.store.by_hand("ALTER TABLE away RENAME TO collaborators");
    auto bob = site.client();
    CHECK(std::holds_alternative<Granted>(must(bob.ask(ask_access(must_find(bob, 2).handle)))));
}

TEST_CASE("a question that comes while a connection is being made waits for it") {
    Store* store = nullptr;
    Site site(PeerKinds::all(), "git", [&]() -> Result<std::unique_ptr<Database>> {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return store->connect();
    });
    store = &site.store;
    auto client = site.client();
    (void)must_find(client, 1);
    CHECK(site.server.late() == 0);
}

TEST_CASE("an error says whether the directory was there") {
    Site site;
    auto client = site.client();
    site.store.by_hand("UPDATE accounts SET login = 'a b' WHERE login_folded = 'bob'");
    const auto malformed = client.ask(ask_key(2));
    REQUIRE_FALSE(malformed.has_value());
    CHECK(malformed.error().detail == "authz gets no usable answer from its directory: see authz's log");
}

TEST_CASE("one row that makes no sense does not cost the others their connection") {
    Site site;
    site.store.by_hand("UPDATE accounts SET login = 'a b' WHERE login_folded = 'bob'");
    auto client = site.client();
    for (int i = 0; i < 20; ++i) {
        CHECK(kind_of(client.ask(ask_key(2))) == ErrorKind::unavailable);
        CHECK(must(client.ask(ask_key(1))).has_value());
    }
}

TEST_CASE("a server that stops has answered what it took, and takes no more") {
    auto site = std::make_unique<Site>();
    auto client = site->client(std::chrono::milliseconds(300));
    (void)must_find(client, 1);
    const auto start = monotonic_now();
    CHECK(site->server.stop(std::chrono::seconds(2)));
    CHECK(monotonic_now() - start < 1'000);
    CHECK(kind_of(client.ask(ask_key(1))) == ErrorKind::unavailable);
}

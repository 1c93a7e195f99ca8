#include <sys/socket.h>
#include <sys/un.h>

#include "authz/wire/wire.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// A worker's end of its connection for live sessions.
class Worker {
  public:
    explicit Worker(const Site& site) : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        site.socket.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        const timeval patience{5, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    bool tell(const LiveNews& news) {
        const std::string message = encode_request({++last_, monotonic_now() + 5'000}, news);
        REQUIRE(::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) > 0);
        return parse_reply<Done>(receive()).has_value();
    }
    bool begin(std::uint64_t number, const std::string& handle, const std::string& id,
               const std::string& connection = "c1") {
        LiveNews news;
        news.client = from_gateway(connection);
        news.began = {LiveEntry{.number = number,
                                .handle = handle,
                                .client = from_gateway(connection),
                                .id = id,
                                .service = "git-upload-pack",
                                .repo = "alice/site",
                                .since = unix_now()}};
        return tell(news);
    }
    std::string receive() {
        std::string message(max_authz_message, '\0');
        const ssize_t got = ::recv(socket_.get(), message.data(), message.size(), 0);
        message.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return message;
    }

  private:
    Fd socket_;
    std::uint64_t last_ = 0;
};

ClientContext administrator() {
    return {"", "", "", Door::gateway};
}

std::size_t live(const Site& site) {
    return must(site.client().ask(SessionsRequest{administrator(), 0, std::nullopt})).records.size();
}

}  // namespace

TEST_CASE("over the socket, what a worker tells is listed, and goes with its connection") {
    Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    {
        Worker worker(site);
        CHECK(worker.begin(1, handle, "op-1"));
        CHECK(worker.begin(2, handle, "op-2"));
        const SessionsPage page = must(client.ask(SessionsRequest{administrator(), 0, std::nullopt}));
        REQUIRE(page.records.size() == 2);
        CHECK(page.records[0].who == "Alice");
        CHECK(page.records[0].process == static_cast<std::uint64_t>(::getpid()));
        LiveNews over;
        over.client = from_gateway();
        over.ended = {1};
        CHECK(worker.tell(over));
        CHECK(live(site) == 1);
    }
    for (int turn = 0; turn < 250 && live(site) != 0; ++turn)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(live(site) == 0);
}

TEST_CASE("nobody is listed by a handle that is another connection's, or nobody's") {
    Site site;
    auto client = site.client();
    Worker worker(site);
    CHECK(worker.begin(1, must_find(client, 1).handle, "op-1", "c2"));
    CHECK(worker.begin(2, "bm90aGluZw==", "op-2"));
    CHECK(live(site) == 0);
}

TEST_CASE("who is killed is told so over the connection of his worker, and of no other") {
    Site site;
    auto client = site.client();
    Worker one(site);
    Worker other(site);
    CHECK(one.begin(7, must_find(client, 1).handle, "op-1"));
    CHECK(other.begin(7, must_find(client, 2).handle, "op-2"));
    CHECK(must(client.ask(KillRequest{administrator(), LiveChoice(login("alice"))})).killed == 1);
    const auto order = must(parse_reply<LiveOrder>(one.receive()));
    CHECK(order.why == LiveEnd::killed);
    CHECK(order.numbers == std::vector<std::uint64_t>{7});
    CHECK(must(client.ask(KillRequest{administrator(), LiveChoice(login("alice"))})).killed == 0);
    CHECK(must(client.ask(KillRequest{administrator(), LiveChoice(std::string("op-2"))})).killed == 1);
    CHECK(parse_reply<LiveOrder>(other.receive()).has_value());
}

TEST_CASE("only an administrator is shown the sessions and ends them") {
    for (const PeerKind kind : {PeerKind::worker, PeerKind::authorized_keys, PeerKind::forced_command}) {
        const Site site(only(kind));
        auto client = site.client();
        CHECK(kind_of(client.ask(SessionsRequest{administrator(), 0, std::nullopt})) == ErrorKind::internal);
        CHECK(kind_of(client.ask(KillRequest{administrator(), LiveChoice(login("alice"))})) ==
              ErrorKind::internal);
    }
    const Site site(only(PeerKind::administrator));
    CHECK(live(site) == 0);
}

TEST_CASE("the holder of a handle asks about his key, and is sent for another when it is too old") {
    Site site;
    auto client = site.client();
    const auto who = *parse_self_question("whoami");
    const std::string handle = must_find(client, 2).handle;
    const auto answer = must(client.ask(SelfRequest{handle, *who, RequestId::make(), from_gateway()}));
    CHECK(std::get<SelfAnswer>(answer).out.starts_with("You are bob.\n"));
    CHECK(kind_of(client.ask(SelfRequest{handle, *who, RequestId::make(), from_gateway("c2")})) ==
          ErrorKind::internal);
    const HandleSeal seal(site.key);
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const std::string old = seal.seal({alice, PeerKind::worker, "connection c1", monotonic_now() - 60'000});
    const auto stale = must(client.ask(SelfRequest{old, *who, RequestId::make(), from_gateway()}));
    CHECK(std::holds_alternative<StaleHandle>(stale));
}

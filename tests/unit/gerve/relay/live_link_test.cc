// What a LiveLink says to authz, and does when authz says something: against a socket that plays authz.
#include "gerve/relay/live_link.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "authz/base/fd.h"
#include "authz/wire/wire.h"
#include "tests/unit/seqpacket_listener.h"
#include "tests/unit/temporary.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

using Numbers = std::set<std::uint64_t>;

// authz, one connection at a time, played between the turns of the event loop.
class PlayedAuthz {
  public:
    explicit PlayedAuthz(const std::string& path) : listener_(path) {}

    void play() {
        if (Fd next = listener_.accept_one(); next) {
            ++connections;
            earlier_ = std::exchange(peer_, std::move(next));
            live.clear();
            bytes.clear();
        }
        std::string buffer(max_authz_message, '\0');
        while (peer_) {
            const ssize_t got = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) break;
            hear(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        }
    }
    void send(std::string_view message) {
        CHECK(::send(peer_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0);
    }
    void order(std::vector<std::uint64_t> numbers) {
        send(encode_reply(0, LiveOrder{LiveEnd::withdrawn, std::move(numbers)}));
    }
    void hang_up() { peer_ = Fd(); }
    // The connection in front of the present one was closed at its other end.
    [[nodiscard]] bool earlier_is_closed() const {
        char byte;
        return ::recv(earlier_.get(), &byte, 1, MSG_PEEK) == 0;
    }

    bool answers = true;
    unsigned connections = 0;
    unsigned messages = 0;
    unsigned traffic_messages = 0;
    std::size_t largest = 0;  // bytes of a message
    Numbers live;             // at the present connection
    std::map<std::uint64_t, std::uint64_t> bytes;

  private:
    void hear(std::string_view message) {
        ++messages;
        largest = std::max(largest, message.size());
        const auto received = parse_request(message);
        REQUIRE_MESSAGE(received.has_value(), describe(received.error()));
        const auto& news = std::get<LiveNews>(received->request);
        traffic_messages += news.moved.empty() ? 0 : 1;
        for (const LiveEntry& entry : news.began) CHECK(live.insert(entry.number).second);
        for (const LiveTraffic& traffic : news.moved) bytes[traffic.number] = traffic.bytes_out;
        for (const std::uint64_t number : news.ended) CHECK(live.erase(number) == 1);
        if (answers) send(encode_reply(received->head.id, Done()));
    }

    SeqpacketListener listener_;
    Fd peer_;
    Fd earlier_;
};

struct Subject final : LiveSubject {
    Subject(LiveLink& link, std::string connection, bool operation) {
        entry.handle = "aA";
        entry.client = {"192.0.2.7", "SSH-2.0-OpenSSH_9.2", std::move(connection), Door::gateway};
        entry.id = operation ? "00112233445566778899aabbccddeeff" : entry.client.connection;
        if (operation) entry.service = "git-upload-pack";
        if (operation) entry.repo = "alice/site";
        place = link.enter(*this);
    }
    [[nodiscard]] LiveEntry describe() const override { return entry; }
    [[nodiscard]] LiveTraffic traffic() const override {
        if (moves) ++carried;
        return {0, 0, carried};
    }
    void end(LiveEnd) override { ended = true; }

    LiveEntry entry;
    bool moves = false;  // between any two looks
    mutable std::uint64_t carried = 0;
    bool ended = false;
    LiveLink::Place place;
};

struct Scene {
    explicit Scene(
        LiveLink::Pace pace = {.turn = 10ms, .worth_telling = 20ms, .traffic = 100ms, .answer = 5s})
        : link(loop, directory.path + "/authz", Door::gateway, pace) {}

    Subject& begin(const std::string& connection, bool operation = true) {
        return *subjects.emplace_back(std::make_unique<Subject>(link, connection, operation));
    }
    void run(std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end) turn();
    }
    template <class Condition>
    [[nodiscard]] bool run_until(const Condition& holds) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!holds() && std::chrono::steady_clock::now() < end) turn();
        return holds();
    }
    void turn() {
        loop.restart();
        loop.run_for(2ms);
        authz.play();
    }

    TemporaryDirectory directory;
    asio::io_context loop{1};
    LiveLink link;
    PlayedAuthz authz{directory.path + "/authz"};
    std::vector<std::unique_ptr<Subject>> subjects;
};

}  // namespace

TEST_CASE("what is over soon is never told of; what is not, when it begins and when it ends") {
    Scene scene({.turn = 10ms, .worth_telling = 200ms, .traffic = 10s, .answer = 5s});
    scene.begin("c1");
    scene.subjects.clear();
    scene.run(400ms);
    CHECK(scene.authz.connections == 0);
    scene.begin("c2");
    REQUIRE(scene.run_until([&] { return scene.authz.live == Numbers{2}; }));
    scene.subjects.clear();
    REQUIRE(scene.run_until([&] { return scene.authz.live.empty(); }));
    CHECK(scene.authz.messages == 2);
}

TEST_CASE("bytes that go on moving are told of once in a period") {
    Scene scene;
    for (int i = 0; i < 3; ++i) scene.begin("c" + std::to_string(i)).moves = true;
    REQUIRE(scene.run_until([&] { return scene.authz.live.size() == 3; }));
    const unsigned before = scene.authz.traffic_messages;
    scene.run(1s);
    CHECK(scene.authz.traffic_messages - before >= 3);
    CHECK(scene.authz.traffic_messages - before <= 11);
    CHECK(scene.authz.bytes.size() == 3);
    CHECK(scene.authz.bytes[1] == scene.subjects[0]->carried);
}

TEST_CASE("as many as there are, in messages that are not too large, each once") {
    Scene scene;
    constexpr std::size_t many = 2'500;
    for (std::size_t i = 0; i < many; ++i) {
        Subject& subject = scene.begin("c" + std::to_string(i));
        subject.moves = true;
        subject.entry.client.version = std::string(255, '\x01');
    }
    REQUIRE(
        scene.run_until([&] { return scene.authz.live.size() == many && scene.authz.bytes.size() == many; }));
    CHECK(scene.authz.largest <= max_authz_message);
    scene.subjects.resize(100);
    REQUIRE(scene.run_until([&] { return scene.authz.live.size() == 100; }));
    CHECK(scene.authz.connections == 1);
}

TEST_CASE("another authz is told all anew") {
    Scene scene;
    scene.begin("c1");
    scene.begin("c2");
    REQUIRE(scene.run_until([&] { return scene.authz.live == Numbers{1, 2}; }));
    scene.subjects.pop_back();
    scene.authz.hang_up();
    REQUIRE(scene.run_until([&] { return scene.authz.connections == 2 && scene.authz.live == Numbers{1}; }));
}

TEST_CASE("an authz that says nothing loses the connection, which ends at both of its ends") {
    Scene scene({.turn = 10ms, .worth_telling = 20ms, .traffic = 10s, .answer = 100ms});
    scene.authz.answers = false;
    scene.begin("c1");
    REQUIRE(scene.run_until([&] { return scene.authz.connections >= 2; }));
    CHECK(scene.authz.earlier_is_closed());
    scene.authz.answers = true;
    scene.run(300ms);  // what it has not answered is told over one more connection
    CHECK(scene.authz.live == Numbers{1});
    const unsigned settled = scene.authz.connections;
    scene.run(300ms);
    CHECK(scene.authz.connections == settled);
}

TEST_CASE("an order ends what it names, and a connection with all that runs on it") {
    Scene scene;
    const Subject& first = scene.begin("c1");
    const Subject& second = scene.begin("c1");
    const Subject& connection = scene.begin("c2", false);
    const Subject& on_it = scene.begin("c2");
    const Subject& elsewhere = scene.begin("c3");
    REQUIRE(scene.run_until([&] { return scene.authz.live.size() == 5; }));
    const Subject& later = scene.begin("c2");
    scene.authz.send("{\"id\":0,\"order\":\"dance\"}");
    scene.authz.order({2, 3, 77});
    REQUIRE(scene.run_until([&] { return second.ended && later.ended; }));
    CHECK(connection.ended);
    CHECK(on_it.ended);
    CHECK_FALSE(first.ended);
    CHECK_FALSE(elsewhere.ended);
    CHECK(scene.authz.connections == 1);
}

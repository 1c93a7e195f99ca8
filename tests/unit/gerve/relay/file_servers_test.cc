// Which endpoint is tried when, with servers on the loopback that serve, refuse or say nothing.
#include "gerve/relay/file_servers.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <atomic>
#include <functional>
#include <thread>

#include "authz/base/fd.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

// An agent on 127.0.0.1, one connection at a time; what it does may change.
class Server {
  public:
    enum class Manner { serves, on_standby, mute, is_daemon, refusing_daemon, mute_daemon, lacks_it };

    explicit Server(Manner does) : manner(does), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(socket_.get(), generic, sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 16) == 0);
        REQUIRE(::getsockname(socket_.get(), generic, &size) == 0);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~Server() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }
    [[nodiscard]] Endpoint endpoint(const std::string& host = "127.0.0.1") const {
        const Manner does = manner;
        const bool daemon =
            does == Manner::is_daemon || does == Manner::refusing_daemon || does == Manner::mute_daemon;
        return *Endpoint::parse((daemon ? "git://" : "") + host + ":" + std::to_string(port));
    }

    std::atomic<Manner> manner;
    std::atomic<unsigned> opens{0};  // OPENs that came, and requests to a daemon
    std::atomic<unsigned> pings{0};
    std::uint16_t port = 0;

  private:
    void run() {
        std::vector<Fd> silent;
        while (true) {
            Fd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            char first[4];
            if (::recv(peer.get(), first, sizeof first, MSG_WAITALL) != sizeof first) continue;
            const bool ping = static_cast<grv1::FrameType>(first[0]) == grv1::FrameType::ping;
            ++(ping ? pings : opens);
            const std::string answer = answer_to(ping);
            if (answer.empty()) {
                silent.push_back(std::move(peer));
                continue;
            }
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            char rest[4096];
            while (::recv(peer.get(), rest, sizeof rest, 0) > 0) {
            }
        }
    }
    std::string answer_to(bool ping) const {
        switch (manner) {
            case Manner::serves:
                return ping ? grv1::encode_frame(grv1::FrameType::pong) : grv1::encode_open_ok(1);
            case Manner::on_standby: return grv1::encode_fail({grv1::FailCode::standby, true, "on standby"});
            case Manner::lacks_it:
                return grv1::encode_fail({grv1::FailCode::no_such_repository, false, "no such repository"});
            case Manner::is_daemon: return encode_packet("0123 HEAD") + "0000";
            case Manner::refusing_daemon: return encode_packet("ERR access denied");
            case Manner::mute:
            case Manner::mute_daemon: break;
        }
        return {};
    }
    Fd socket_;
    std::thread thread_;
};

Endpoint nobody_listens() {
    std::uint16_t port = 0;
    {
        const Server gone(Server::Manner::mute);
        port = gone.port;
    }
    return *Endpoint::parse("127.0.0.1:" + std::to_string(port));
}

struct Reached {
    Result<std::string> by = unavailable("nothing yet");  // the last attempt's endpoint
    std::chrono::milliseconds time{0};
};

struct Fixture {
    static constexpr std::chrono::milliseconds tickets_last{1'500};
    asio::io_context loop{1};
    std::vector<std::string> tried;  // endpoint and result
    UpstreamConfig config = [] {
        UpstreamConfig quick;
        quick.connect_timeout = 300ms;
        quick.answer_timeout = 1s;
        return quick;
    }();
    FileServers servers{loop, config, FileServers::Memory::kept,
                        [this](const EndpointAttempt& attempt) {
                            tried.push_back(attempt.endpoint.text() + (attempt.probe ? " probe " : " ") +
                                            std::to_string(static_cast<int>(attempt.result)));
                        },
                        tickets_last};

    Reached reach(const std::vector<Endpoint>& endpoints) {
        Granted granted{*RepoPath::parse("alice/site"), "", Rule::owner, {}};
        for (const Endpoint& endpoint : endpoints) {
            granted.destinations.push_back({*ServerName::parse("fs1"), endpoint, "OPEN"});
        }
        Reached reached;
        bool over = false;
        asio::co_spawn(loop, reach_once(granted, reached), [&](const std::exception_ptr&) { over = true; });
        loop.restart();
        while (!over) loop.run_one();
        return reached;
    }
    asio::awaitable<void> reach_once(const Granted& granted, Reached& reached) {
        SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
        const auto start = std::chrono::steady_clock::now();
        auto upstream = co_await servers.reach(granted, report);
        reached.time =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
        if (upstream) {
            reached.by = tried.back();
        } else {
            reached.by = tl::make_unexpected(upstream.error());
        }
    }
    static asio::awaitable<void> reach_by(FileServers& servers, const Granted& granted, bool& reached) {
        SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
        const auto upstream = co_await servers.reach(granted, report);
        reached = upstream.has_value();
    }
    void run_until(const std::function<bool()>& done) {
        const auto patience = std::chrono::steady_clock::now() + 5s;
        while (!done() && std::chrono::steady_clock::now() < patience) {
            loop.restart();
            loop.run_for(20ms);
        }
        CHECK(done());
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a dead endpoint is met once, and asked after until it serves") {
    Server first(Server::Manner::mute);
    const Server second(Server::Manner::serves);
    const std::vector<Endpoint> pair{first.endpoint(), second.endpoint()};
    const std::string by_first = first.endpoint().text() + " 0";
    const std::string by_second = second.endpoint().text() + " 0";

    const Reached at_first = reach(pair);
    CHECK(at_first.by.value() == by_second);
    CHECK(at_first.time >= 300ms);
    for (int i = 0; i < 3; ++i) {
        const Reached later = reach(pair);
        CHECK(later.by.value() == by_second);
        CHECK(later.time < 200ms);
    }
    CHECK(first.opens == 1);

    first.manner = Server::Manner::serves;
    run_until([&] { return tried.back() == first.endpoint().text() + " probe 0"; });
    CHECK(reach(pair).by.value() == by_first);
    CHECK(first.opens == 2);
}

TEST_CASE_FIXTURE(Fixture, "who refuses costs a moment, and is last when others serve") {
    const Server waits(Server::Manner::on_standby);
    const Server serves(Server::Manner::serves);
    const std::vector<Endpoint> three{nobody_listens(), waits.endpoint(), serves.endpoint()};
    CHECK(reach(three).by.value() == serves.endpoint().text() + " 0");
    CHECK(tried.size() == 3);
    CHECK(reach(three).by.value() == serves.endpoint().text() + " 0");
    CHECK(tried.size() == 4);
    CHECK(waits.opens == 1);
}

TEST_CASE_FIXTURE(Fixture, "when all have failed, all are tried all the same") {
    Server flips(Server::Manner::on_standby);
    const std::vector<Endpoint> pair{flips.endpoint(), nobody_listens()};
    CHECK_FALSE(reach(pair).by.has_value());
    flips.manner = Server::Manner::serves;
    CHECK(reach(pair).by.value() == flips.endpoint().text() + " 0");
}

TEST_CASE_FIXTURE(Fixture, "a name is looked up, and each of its addresses tried") {
    const Server serves(Server::Manner::serves);
    const std::vector<Endpoint> by_name{
        serves.endpoint("localhost")};  // perhaps ::1 first, where nobody listens
    CHECK(reach(by_name).by.has_value());
    const auto nowhere = reach({*Endpoint::parse("no-such-host.invalid:9419")}).by;
    REQUIRE_FALSE(nowhere.has_value());
    CHECK(nowhere.error().kind == ErrorKind::unavailable);
}

TEST_CASE_FIXTURE(Fixture, "an agent that is slow to answer, and alive, is waited for") {
    Server slow(Server::Manner::mute);
    std::thread waker([&slow] {
        std::this_thread::sleep_for(100ms);
        slow.manner = Server::Manner::serves;  // answers the PING; the OPEN stays without an answer
    });
    const Reached reached = reach({slow.endpoint()});
    waker.join();
    CHECK_FALSE(reached.by.has_value());
    CHECK(reached.time >= 1s);
    CHECK(slow.pings == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a git daemon that takes connections and never says a word is avoided like a mute agent") {
    Server hangs(Server::Manner::mute_daemon);
    const Server serves(Server::Manner::is_daemon);
    const std::vector<Endpoint> pair{hangs.endpoint(), serves.endpoint()};
    const std::string name = hangs.endpoint().text();

    const Reached at_first = reach(pair);
    CHECK(at_first.by.value() == serves.endpoint().text() + " 0");
    CHECK(at_first.time >= 450ms);  // connect_timeout, and half of it for the question whether it lives
    CHECK(at_first.time < 900ms);   // not answer_timeout
    run_until([&] { return tried.back() == name + " probe 2"; });  // still silent: connecting is not serving
    const Reached later = reach(pair);
    CHECK(later.by.value() == serves.endpoint().text() + " 0");
    CHECK(later.time < 200ms);
    hangs.manner = Server::Manner::refusing_daemon;
    run_until([&] { return tried.back() == name + " probe 0"; });
}

TEST_CASE_FIXTURE(Fixture, "no endpoint is begun with when its ticket is too old") {
    const Server mute[]{Server(Server::Manner::mute), Server(Server::Manner::mute),
                        Server(Server::Manner::mute), Server(Server::Manner::mute),
                        Server(Server::Manner::mute), Server(Server::Manner::mute)};
    std::vector<Endpoint> six;
    for (const Server& one : mute) six.push_back(one.endpoint());
    const Reached reached = reach(six);  // 450 ms each
    CHECK_FALSE(reached.by.has_value());
    CHECK(mute[2].opens == 1);
    CHECK(reached.time < tickets_last + 600ms);
    CHECK(mute[4].opens == 0);
}

TEST_CASE_FIXTURE(Fixture, "who lives and does not answer leaves the others time") {
    config.answer_timeout = 10s;
    FileServers patient(loop, config, FileServers::Memory::none, {}, 1500ms);
    Server busy(Server::Manner::mute);
    const Server serves(Server::Manner::serves);
    std::thread waker([&busy] {
        std::this_thread::sleep_for(100ms);
        busy.manner = Server::Manner::serves;  // answers the PING; the OPEN stays without an answer
    });
    Granted granted{*RepoPath::parse("alice/site"), "", Rule::owner, {}};
    for (const Server* one : std::initializer_list<const Server*>{&busy, &serves}) {
        granted.destinations.push_back({*ServerName::parse("fs1"), one->endpoint(), "OPEN"});
    }
    bool reached = false;
    asio::co_spawn(loop, reach_by(patient, granted, reached), asio::detached);
    loop.run_for(3s);
    waker.join();
    CHECK(reached);
    CHECK(serves.opens == 1);
}

TEST_CASE_FIXTURE(Fixture, "a git daemon serves by its first packet, or refuses by it") {
    const Server serves(Server::Manner::is_daemon);
    const Server refuses(Server::Manner::refusing_daemon);
    CHECK(reach({serves.endpoint()}).by.value() == serves.endpoint().text() + " 0");
    const auto refused = reach({refuses.endpoint()}).by;
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    CHECK(refused.error().detail.find("ERR access denied") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "a mirror that lacks a repository is passed by for the next, and stays the first") {
    const Server lacks(Server::Manner::refusing_daemon);
    const Server has(Server::Manner::is_daemon);
    const std::vector<Endpoint> pair{lacks.endpoint(), has.endpoint()};
    for (int i = 0; i < 2; ++i) CHECK(reach(pair).by.value() == has.endpoint().text() + " 0");
    CHECK(lacks.opens == 2);
    const Server agent(Server::Manner::lacks_it);
    const auto missing = reach({agent.endpoint(), has.endpoint()}).by;  // an agent knows
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().kind == ErrorKind::denied);
    CHECK(has.opens == 2);
}

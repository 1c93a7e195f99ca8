// Which endpoint is tried when.
#include "gerve/relay/file_servers.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/relay/loopback_servers.h"

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(Fixture, "a dead endpoint is met once, and asked after until it serves") {
    Server first(Server::Manner::mute);
    const Server second(Server::Manner::serves);
    const std::vector<Endpoint> pair{first.endpoint(), second.endpoint()};
    const std::string by_first = first.endpoint().text() + " 0";
    const std::string by_second = second.endpoint().text() + " 0";

    const Reached at_first = reach(pair);
    CHECK(at_first.by.value() == by_second);
    CHECK(at_first.time >= 450ms);  // connect_timeout, and half of it for the question whether it lives
    CHECK(at_first.time < 900ms);
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

TEST_CASE_FIXTURE(Fixture,
                  "disk trouble of one repository is not the endpoint's, and sends only a fetch on") {
    Server troubled(Server::Manner::disk_trouble_for_a_fetch);
    const Server serves(Server::Manner::serves);
    const std::vector<Endpoint> pair{troubled.endpoint(), serves.endpoint()};
    CHECK(reach(pair).by.value() == serves.endpoint().text() + " 0");
    troubled.manner = Server::Manner::disk_trouble;
    CHECK_FALSE(reach(pair).by.has_value());
    CHECK(serves.opens == 1);
    CHECK(troubled.opens == 2);  // it was the first to be asked again
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
    CHECK(tried.back() == slow.endpoint().text() + " 1");  // busy, and not silent: it costs nobody a timeout
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

TEST_CASE_FIXTURE(Fixture, "what is no git daemon is told by its first bytes, and nothing of it is kept") {
    const Server babbles(Server::Manner::babbles);
    const Reached reached = reach({babbles.endpoint()});
    REQUIRE_FALSE(reached.by.has_value());
    CHECK(reached.by.error().detail.find("not a git daemon") != std::string::npos);
    CHECK(reached.time < 200ms);
}

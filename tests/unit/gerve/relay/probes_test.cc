// Who asks, and how many at once, whether an endpoint serves again.
#include <doctest/doctest.h>

#include <filesystem>

#include "gerve/relay/file_servers.h"
#include "tests/unit/gerve/relay/loopback_servers.h"

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(Fixture, "an endpoint that comes and goes is asked by one, not by one for each time") {
    Server flaps(Server::Manner::serves);
    for (int i = 0; i < 10; ++i) {
        flaps.manner = Server::Manner::on_standby;
        CHECK_FALSE(reach({flaps.endpoint()}).by.has_value());
        flaps.manner = Server::Manner::serves;
        CHECK(reach({flaps.endpoint()}).by.has_value());
    }
    flaps.manner = Server::Manner::on_standby;
    CHECK_FALSE(reach({flaps.endpoint()}).by.has_value());
    loop.restart();
    loop.run_for(1'400ms);  // the first pause is 1.25 s at most, the second 1.5 s at least
    CHECK(flaps.pings == 1);
}

namespace {

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "when a hundred endpoints are away, a bounded number is asked at once") {
    const Fd mute(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(mute.get(), generic, sizeof address) == 0);
    REQUIRE(::listen(mute.get(), 1024) == 0);
    REQUIRE(::getsockname(mute.get(), generic, &size) == 0);
    std::vector<Granted> granted;
    for (int i = 1; i <= 100; ++i) {
        const std::string text =
            "127.0.1." + std::to_string(i) + ":" + std::to_string(ntohs(address.sin_port));
        granted.push_back({*RepoPath::parse("alice/site"), "", Rule::owner, {}});
        granted.back().destinations.push_back({*ServerName::parse("fs1"), *Endpoint::parse(text), "OPEN"});
    }
    const std::size_t before = open_descriptors();
    bool reached = false;
    for (const Granted& one : granted) asio::co_spawn(loop, reach_by(servers, one, reached), asio::detached);
    run_until([&] { return tried.size() == 100; });
    const auto end = std::chrono::steady_clock::now() + 3s;
    std::size_t most = 0;
    while (std::chrono::steady_clock::now() < end) {
        loop.restart();
        loop.run_for(5ms);
        most = std::max(most, open_descriptors() - before);
    }
    CHECK_FALSE(reached);
    CHECK(most <= FileServers::max_probes + 4);
    CHECK(most > FileServers::max_probes / 2);
    CHECK(tried.size() > 100 + FileServers::max_probes);
}

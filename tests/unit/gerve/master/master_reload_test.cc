// The master when its configuration, its program or its sockets change.
#include <doctest/doctest.h>

#include "tests/unit/gerve/master/master_site.h"

using namespace gerve;

TEST_CASE("SIGHUP brings a new crew on the same sockets; the new configuration reaches it") {
    MasterSite site;
    site.start_and_wait();
    const auto before = site.pids("");
    const std::string more = "[listen]\nssh = [\"127.0.0.1:0\"]\n[ssh]\nworkers = 3\n# second\n";
    site.configure(more);
    site.signal(SIGHUP);
    CHECK_MESSAGE(eventually([&] {
                      const auto now = site.pids("");
                      return now.size() == 5 && std::none_of(now.begin(), now.end(),
                                                             [&](pid_t pid) { return before.contains(pid); });
                  }),
                  site.log());
    CHECK(site.ask(site.addresses().at(0)).starts_with("worker "));
    const std::string own = site.state() + "/worker." + std::to_string(*site.pids("worker").begin());
    CHECK(MasterSite::slurp(own).ends_with(more));
}

TEST_CASE("a socket file that somebody removed, or replaced, is made again") {
    MasterSite site;
    site.start_and_wait();
    for (const char* name : {"authz.sock", "agent.sock"}) {
        const std::string path = site.state() + "/" + name;
        for (const bool replaced : {false, true}) {
            const auto before = site.pids("");
            std::filesystem::remove(path);
            if (replaced) site.put(name);
            const bool again = eventually([&] {
                const auto now = site.pids("");
                return std::filesystem::is_socket(path) && now.size() == before.size() &&
                       std::none_of(now.begin(), now.end(), [&](pid_t pid) { return before.contains(pid); });
            });
            CHECK_MESSAGE(again, name << "\n" << site.log());
        }
    }
    CHECK(count(site.log(), "a socket file was removed") == 4);
    site.signal(SIGTERM);
    CHECK(site.wait() == 0);
    CHECK_FALSE(std::filesystem::exists(site.state() + "/authz.sock"));
}

TEST_CASE("those that finish after a reload are not told that the master died") {
    MasterSite site;
    std::filesystem::create_directory(site.state());
    std::filesystem::permissions(site.state(), std::filesystem::perms::owner_all);
    site.put("stubborn-worker");  // it would go on for as long as it has sessions
    site.start_and_wait();
    const auto old = site.pids("worker");
    site.signal(SIGHUP);
    CHECK(eventually([&] { return site.pids("worker").size() == 4; }));
    CHECK_FALSE(eventually([&] { return std::filesystem::exists(site.state() + "/orphaned"); }, 1));
    for (const pid_t pid : old) CHECK(site.pids("worker").contains(pid));
}

TEST_CASE("addresses come and go with a reload") {
    MasterSite site;
    const auto free_port = [] {
        const Fd probe(::socket(AF_INET, SOCK_STREAM, 0));
        sockaddr_storage storage;
        socklen_t length = ListenAddress::parse("127.0.0.1:0")->to_socket(storage);
        REQUIRE(::bind(probe.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
        REQUIRE(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0);
        return std::to_string(ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port));
    };
    const std::string first = "127.0.0.1:" + free_port();
    const std::string second = "127.0.0.1:" + free_port();
    site.configure("[listen]\nssh = [\"" + first + "\"]\n");
    site.start_and_wait();
    site.configure("[listen]\nssh = [\"" + second + "\"]\n");
    site.signal(SIGHUP);
    CHECK(eventually([&] { return site.ask(*ListenAddress::parse(second)).starts_with("worker "); }));
    CHECK(eventually([&] { return site.ask(*ListenAddress::parse(first)).empty(); }));
}

TEST_CASE("a reload that cannot work leaves everything as it was, and says why") {
    MasterSite site;
    site.start_and_wait();
    const auto before = site.pids("");
    SUBCASE("a wrong configuration") {
        site.configure("[ssh]\nworker = 1\nlogin_grace = 3\n");
        site.signal(SIGHUP);
        CHECK(eventually(
            [&] { return site.log().find("keeping the previous configuration") != std::string::npos; }));
        CHECK(site.log().find("did you mean \\x22workers\\x22") != std::string::npos);
        CHECK(site.log().find("ssh.login_grace must be a time") != std::string::npos);
    }
    SUBCASE("an address that is taken") {
        const std::string taken = site.addresses().at(0).text();
        site.configure("[listen]\nssh = [\"" + taken + "\"]\n");
        site.signal(SIGHUP);
        CHECK(eventually([&] { return site.log().find("Address already in use") != std::string::npos; }));
    }
    SUBCASE("a worker that does not start") {
        site.put("fail-worker");
        site.signal(SIGHUP);
        CHECK(eventually([&] { return site.log().find("did not become ready") != std::string::npos; }));
        site.remove("fail-worker");
    }
    SUBCASE("another state directory") {
        std::ofstream(site.config()) << "state = \"/tmp/elsewhere\"\n";
        site.signal(SIGHUP);
        CHECK(eventually(
            [&] { return site.log().find("state directory cannot change") != std::string::npos; }));
    }
    CHECK(eventually([&] { return site.pids("") == before; }));
    CHECK(site.ask(site.addresses().at(0)).starts_with("worker "));
    site.signal(SIGTERM);
    CHECK(site.wait() == 0);
}

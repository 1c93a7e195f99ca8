// The master: its children, its drain and its end.
#include <doctest/doctest.h>

#include "tests/unit/gerve/master/master_site.h"

using namespace gerve;

TEST_CASE("a crew starts, serves, and ends without a trace") {
    MasterSite site;
    site.start_and_wait();
    CHECK(site.pids("authz").size() == 1);
    CHECK(site.pids("agent").size() == 1);
    CHECK(site.pids("worker").size() == 2);
    const std::string said = site.ask(site.addresses().at(0));
    // stdin, stdout, stderr, control, configuration, listener; nothing of what this test had open.
    CHECK_MESSAGE(said.ends_with(" descriptors 6 secret unset"), said);
    CHECK(std::filesystem::exists(site.state() + "/authz.sock"));
    site.signal(SIGTERM);
    CHECK(site.wait() == 0);
    CHECK(site.pids("").empty());
    CHECK(site.ask(site.addresses().at(0)) == "");
    CHECK_FALSE(std::filesystem::exists(site.state() + "/authz.sock"));
    CHECK_FALSE(std::filesystem::exists(site.state() + "/agent.sock"));
    CHECK(MasterSite::slurp(site.state() + "/lock") == "");
}

TEST_CASE("the dead are replaced within a second, again and again") {
    MasterSite site;
    site.start_and_wait();
    for (int round = 0; round < 4; ++round) {
        for (const char* role : {"worker", "authz", "agent"}) {
            const auto before = site.pids(role);
            ::kill(*before.begin(), SIGKILL);
            const bool back = eventually(
                [&] {
                    const auto now = site.pids(role);
                    return now.size() == before.size() && now != before;
                },
                1);
            CHECK_MESSAGE(back, role << " in round " << round << "\n" << site.log());
        }
    }
    CHECK(site.ask(site.addresses().at(0)).starts_with("worker "));
}

TEST_CASE("connections made while no worker lives are served by the next one") {
    MasterSite site;
    site.configure("[listen]\nssh = [\"127.0.0.1:0\"]\n[ssh]\nworkers = 1\n");
    site.start_and_wait();
    ::kill(*site.pids("worker").begin(), SIGKILL);
    CHECK(site.ask(site.addresses().at(0)).starts_with("worker "));
}

TEST_CASE("workers drain; a second signal ends them") {
    MasterSite site;
    site.start_and_wait();
    site.signal(SIGTERM);
    SUBCASE("all end by themselves") {
        CHECK(site.wait() == 0);
    }
    CHECK(eventually([&] { return site.pids("").empty(); }));
}

TEST_CASE("a child that does not mind SIGTERM holds a drain, not a hurry") {
    MasterSite site;
    for (const char* role : {"worker", "authz", "agent"}) {
        std::filesystem::create_directory(site.state());
        std::filesystem::permissions(site.state(), std::filesystem::perms::owner_all);
        site.put(std::string("stubborn-") + role);
    }
    site.start_and_wait();
    SUBCASE("SIGTERM twice") {
        site.signal(SIGTERM);
        CHECK_FALSE(eventually([&] { return site.pids("worker").empty(); }, 2));
        site.signal(SIGTERM);
    }
    SUBCASE("SIGINT in the embedded default") {
        site.signal(SIGINT);
    }
    CHECK(site.wait() == 0);
    CHECK(site.pids("").empty());
}

TEST_CASE("a master that cannot start its crew gives up, loudly") {
    MasterSite site;
    std::filesystem::create_directory(site.state());
    std::filesystem::permissions(site.state(), std::filesystem::perms::owner_all);
    site.put("fail-agent");
    site.start();
    CHECK(site.wait() == 1);
    CHECK(count(site.log(), "a child ended before it was ready") == 3);
    CHECK(site.log().find("how=\"exit status 7\"") != std::string::npos);
    CHECK(site.log().find("giving up") != std::string::npos);
    CHECK(site.pids("").empty());
}

TEST_CASE("two masters for one state directory; and one after a master that was killed") {
    MasterSite site;
    site.start_and_wait();
    MasterSite second;
    std::filesystem::copy_file(site.config(), second.config(),
                               std::filesystem::copy_options::overwrite_existing);
    second.start();
    CHECK(second.wait() == 1);
    CHECK(second.log().find("is using the state directory " + site.state()) != std::string::npos);

    const auto orphans = site.pids("");
    site.signal(SIGKILL);
    CHECK(site.wait() == 128 + SIGKILL);
    site.start();
    CHECK(eventually([&] {
        const auto now = site.pids("");
        return now.size() == 4 &&
               std::none_of(now.begin(), now.end(), [&](pid_t pid) { return orphans.contains(pid); });
    }));
}

TEST_CASE("a wrong configuration does not start, with status 2") {
    MasterSite site;
    site.configure("[ssh]\nworker = 1\n");
    site.start();
    CHECK(site.wait() == 2);
    CHECK(site.log().find(":3:1: unknown key \"worker\" in [ssh]; did you mean \"workers\"?\n") !=
          std::string::npos);
}

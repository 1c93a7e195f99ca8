// The master with real processes: dummy_gerve.cc stands in for the children.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

bool eventually(const std::function<bool()>& condition, int seconds = 10) {
    for (int i = 0; i < seconds * 100; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

// One running master and what can be seen of it from outside.
class Site {
  public:
    Site() { configure(""); }
    ~Site() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        eventually([&] { return pids("").empty(); });
    }

    void configure(const std::string& more) const {
        std::ofstream(config()) << "state = \"" << state() << "\"\n"
                                << (more.empty() ? "[listen]\nssh = [\"127.0.0.1:0\"]\n[ssh]\nworkers = 2\n"
                                                 : more);
    }

    void start() {
        const Fd careless(::open("/dev/null", O_RDONLY));  // a parent that forgot CLOEXEC
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, out().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        posix_spawn_file_actions_addopen(&actions, 2, log_file().c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                         0600);
        std::string program = std::getenv("GERVE_DUMMY");
        std::string serve = "serve";
        std::string file = config();
        std::string secret = "DUMMY_SECRET=1";
        char* argv[] = {program.data(), serve.data(), file.data(), nullptr};
        char* environment[] = {secret.data(), nullptr};
        REQUIRE(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environment) == 0);
        posix_spawn_file_actions_destroy(&actions);
    }

    void start_and_wait() {
        start();
        REQUIRE_MESSAGE(eventually([&] { return addresses().size() > 0; }), log());
    }

    int wait() {
        int status = -1;
        const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
        REQUIRE_MESSAGE(ended, log());
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    void signal(int number) const { ::kill(pid_, number); }

    // Living children of that role ("" for all), by the files that they keep.
    [[nodiscard]] std::set<pid_t> pids(const std::string& role) const {
        std::set<pid_t> out;
        for (const auto& entry : std::filesystem::directory_iterator(state())) {
            const std::string name = entry.path().filename();
            const auto dot = name.find('.');
            const std::string kind = name.substr(0, dot);
            if (kind != "authz" && kind != "agent" && kind != "worker") continue;
            if (!role.empty() && kind != role) continue;
            const pid_t pid = std::atoi(name.c_str() + dot + 1);
            if (pid > 0 && ::kill(pid, 0) == 0) out.insert(pid);
        }
        return out;
    }

    [[nodiscard]] std::vector<ListenAddress> addresses() const {
        std::vector<ListenAddress> out;
        std::ifstream file(out_());
        for (std::string line; std::getline(file, line);) out.push_back(*ListenAddress::parse(line));
        return out;
    }

    // What a worker says to a new connection; empty when nobody accepts it.
    [[nodiscard]] std::string ask(const ListenAddress& address) const {
        sockaddr_storage storage;
        const socklen_t length = address.to_socket(storage);
        const Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) return "";
        char text[256];
        const ssize_t got = ::recv(socket.get(), text, sizeof text, 0);
        return {text, static_cast<std::size_t>(got > 0 ? got : 0)};
    }

    void put(const std::string& name) const { std::ofstream(state() + "/" + name) << ""; }
    void remove(const std::string& name) const { std::filesystem::remove(state() + "/" + name); }
    [[nodiscard]] std::string log() const { return slurp(log_file()); }
    [[nodiscard]] std::string state() const { return directory_.path + "/state"; }
    [[nodiscard]] std::string config() const { return directory_.path + "/gerve.toml"; }
    [[nodiscard]] static std::string slurp(const std::string& path) {
        std::stringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }

  private:
    [[nodiscard]] std::string out() const { return out_(); }
    [[nodiscard]] std::string out_() const { return directory_.path + "/out"; }
    [[nodiscard]] std::string log_file() const { return directory_.path + "/log"; }
    TemporaryDirectory directory_;
    pid_t pid_ = -1;
};

std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

}  // namespace

TEST_CASE("a crew starts, serves, and ends without a trace") {
    Site site;
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
    CHECK(Site::slurp(site.state() + "/lock") == "");
}

TEST_CASE("the dead are replaced within a second, again and again") {
    Site site;
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
    Site site;
    site.configure("[listen]\nssh = [\"127.0.0.1:0\"]\n[ssh]\nworkers = 1\n");
    site.start_and_wait();
    ::kill(*site.pids("worker").begin(), SIGKILL);
    CHECK(site.ask(site.addresses().at(0)).starts_with("worker "));
}

TEST_CASE("SIGHUP brings a new crew on the same sockets; the new configuration reaches it") {
    Site site;
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
    CHECK(Site::slurp(own).ends_with(more));
}

TEST_CASE("a socket file that somebody removed, or replaced, is made again") {
    Site site;
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
    Site site;
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
    Site site;
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
    Site site;
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

TEST_CASE("workers drain; a second signal ends them") {
    Site site;
    site.start_and_wait();
    site.signal(SIGTERM);
    SUBCASE("all end by themselves") {
        CHECK(site.wait() == 0);
    }
    CHECK(eventually([&] { return site.pids("").empty(); }));
}

TEST_CASE("a child that does not mind SIGTERM holds a drain, not a hurry") {
    Site site;
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
    Site site;
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
    Site site;
    site.start_and_wait();
    Site second;
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
    Site site;
    site.configure("[ssh]\nworker = 1\n");
    site.start();
    CHECK(site.wait() == 2);
    CHECK(site.log().find(":3:1: unknown key \"worker\" in [ssh]; did you mean \"workers\"?\n") !=
          std::string::npos);
}

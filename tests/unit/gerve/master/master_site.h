// MasterSite: a running master for tests, with dummy_gerve.cc in place of the real children.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "tests/unit/temporary.h"

namespace gerve {

inline bool eventually(const std::function<bool()>& condition, int seconds = 10) {
    for (int i = 0; i < seconds * 100; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

// What can be done to it, and seen of it, from outside.
class MasterSite {
  public:
    MasterSite() { configure(""); }
    ~MasterSite() {
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

inline std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
}

}  // namespace gerve

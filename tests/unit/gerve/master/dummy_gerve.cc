// Stands in for `gerve` and `gerve-agent` in the tests of the master. As `dummy_gerve serve CONFIG` it is a
// real master whose children are dummies: each writes STATE/ROLE.PID while it lives, says "ready", serves
// nothing but its name, and ends at SIGTERM. Files in the state directory change that: fail-ROLE (exit status
// 7 at start), stubborn-ROLE (SIGTERM is ignored).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "authz/base/log.h"
#include "authz/state_directory.h"
#include "gerve/master/master.h"

namespace {

using namespace gerve;

volatile sig_atomic_t stopped = 0;

struct Arguments {
    std::string role = "agent";
    std::string state;
    int control = -1;
    std::vector<int> listeners;
    int config = -1;
};

Arguments parse(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const char* next = i + 1 < argc ? argv[i + 1] : "";
        if (word == "authz" || word == "worker" || word == "metrics") out.role = word;
        if (word == "--state") out.state = next;
        if (word == "-c" && out.role == "agent") out.state = std::filesystem::path(next).parent_path();
        if (word == "--control-fd") out.control = std::atoi(next);
        if (word == "--config-fd") out.config = std::atoi(next);
        if (word == "--listen-fd") out.listeners.push_back(std::atoi(next));
    }
    return out;
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

std::string read_config(int fd) {
    char text[4096];
    const ssize_t got = fd < 0 ? 0 : ::pread(fd, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(got > 0 ? got : 0)};
}

// Anything beyond what the child was given would be a leak.
std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) ++count;
    }
    return count;
}

void serve_names(const Arguments& arguments, const std::string& note) {
    std::vector<pollfd> polled{{arguments.control, POLLIN, 0}};
    for (const int fd : arguments.listeners) polled.push_back({fd, POLLIN, 0});
    while (stopped == 0) {
        if (::poll(polled.data(), polled.size(), -1) < 0) continue;
        if (polled[0].revents != 0) {
            std::ofstream(arguments.state + "/orphaned") << "";
            return;
        }
        for (std::size_t i = 1; i < polled.size(); ++i) {
            const int peer = polled[i].revents != 0 ? ::accept(polled[i].fd, nullptr, nullptr) : -1;
            if (peer < 0) continue;
            if (::send(peer, note.data(), note.size(), MSG_NOSIGNAL) < 0) std::perror("send");
            ::close(peer);
        }
    }
}

int run_dummy(const Arguments& arguments) {
    if (exists(arguments.state + "/fail-" + arguments.role)) return 7;
    struct sigaction action {};
    action.sa_handler = [](int) { stopped = 1; };
    if (exists(arguments.state + "/stubborn-" + arguments.role)) action.sa_handler = SIG_IGN;
    ::sigaction(SIGTERM, &action, nullptr);
    const std::string own = arguments.state + "/" + arguments.role + "." + std::to_string(::getpid());
    std::ofstream(own) << read_config(arguments.config);
    if (::send(arguments.control, "ready", 5, MSG_NOSIGNAL) != 5) return 8;
    const std::string note = arguments.role + " " + std::to_string(::getpid()) + " descriptors " +
                             std::to_string(open_descriptors()) + " secret " +
                             (std::getenv("DUMMY_SECRET") == nullptr ? "unset" : "set");
    serve_names(arguments, note);
    ::unlink(own.c_str());
    return 0;
}

int run_serve(const std::string& program, const std::string& config) {
    log::start("master");
    MasterOptions options;
    options.load = [config] { return choose_config({config, ""}); };
    options.prepare = [](const Config& accepted) -> Result<void> {
        if (auto made = make_ticket_key(accepted); !made) return made;
        return accepted.embedded ? make_agent_files(accepted) : Result<void>{};
    };
    options.announce = [](const Config&, const std::vector<ListenAddress>& addresses) {
        for (const auto& address : addresses) std::cout << address.text() << std::endl;
    };
    options.programs = {program, program};
    return run_master(options);
}

}  // namespace

int main(int argc, char** argv) {
    char path[4096] = "";
    if (::readlink("/proc/self/exe", path, sizeof path - 1) < 0) return 9;
    if (argc == 3 && std::strcmp(argv[1], "serve") == 0) return run_serve(path, argv[2]);
    return run_dummy(parse(argc, argv));
}

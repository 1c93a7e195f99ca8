// gerve-agent: the file server's side of Gerve.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "authz/base/log.h"
#include "authz/base/version.h"
#include "authz/os/hardening.h"
#include "authz/os/privileges.h"
#include "gerve/agent/agent.h"
#include "gerve/agent/forge/forge_proof.h"
#include "gerve/agent/lfs/hook_process.h"
#include "gerve/agent/lfs/receive_hooks.h"
#include "gerve/agent/lfs/transfer_process.h"
#include "gerve/agent/repository/git_process.h"

namespace gerve {
namespace {

constexpr int usage_status = 2;

struct Options {
    std::string file;
    std::string name;
    std::string root;
    std::string ticket_key;
    std::vector<int> listen_fds;
    int control_fd = -1;
    bool check = false;
};

void declare(CLI::App& app, Options& options) {
    app.set_version_flag("--version", "gerve-agent " + version_text());
    auto* file = app.add_option("-c,--config", options.file, "The configuration: see gerve-agent.toml(5)");
    app.add_option("--name", options.name, "The file server's name, if there is no configuration file")
        ->excludes(file);
    app.add_option("--root", options.root,
                   "The directory of the repositories, if there is no configuration file")
        ->excludes(file);
    app.add_option("--ticket-key", options.ticket_key, "The ticket key, if there is no configuration file")
        ->excludes(file);
    app.add_option("--listen-fd", options.listen_fds,
                   "An inherited listening socket, in place of `listen`; may be repeated");
    app.add_option(
        "--control-fd", options.control_fd,
        "A SOCK_SEQPACKET socket to a master, which gets \"ready\"; when it closes, the agent drains");
    app.add_flag("--check", options.check,
                 "Only validate the configuration and, with [forge], what the forge's hooks need here");
}

ConfigResult<AgentConfig> load(const Options& options) {
    if (!options.file.empty()) return load_agent_config(options.file);
    auto config = make_agent_config(options.name, options.root, options.ticket_key);
    if (config) return std::move(*config);
    ConfigProblem problem;
    problem.file = "gerve-agent";
    problem.text = describe(config.error()) + "; give -c FILE, or --name and --root";
    return tl::make_unexpected(std::vector{problem});
}

// Ticket keys are in this memory: no core, no debugger of the same user, no privilege regained by a program
// that git or a hook runs, no file of git's that others may read.
void confine() {
    if (auto hardened = harden_process(); !hardened) {
        log::warn("the agent is not hardened", {{"why", describe(hardened.error())}});
    }
    // What git writes is at most for the group to read. A repository that is to be written by a group says so
    // itself (core.sharedRepository).
    ::umask(::umask(077) | 027);
    if (auto dropped = drop_capabilities(); !dropped) {
        log::warn("git will keep capabilities of the agent", {{"why", describe(dropped.error())}});
    }
}

AgentSockets inherited(const Options& options) {
    AgentSockets sockets;
    for (const int number : options.listen_fds) sockets.listeners.emplace_back(number);
    if (options.control_fd >= 0) {
        sockets.control = Fd(options.control_fd);
        ::fcntl(options.control_fd, F_SETFD, FD_CLOEXEC);
    }
    return sockets;
}

// What has to hold for the hooks of a forge, a line for each. 0: all of it does.
int check_forge(const AgentConfig& config) {
    if (!config.forge) return 0;
    int status = 0;
    for (const ProofLine& line : prove_forge(*config.forge, config.root)) {
        std::printf("%s  %s\n", line.holds ? "ok    " : "FAILED", line.text.c_str());
        if (!line.holds) status = 1;
    }
    return status;
}

int run(const Options& options) {
    const auto config = load(options);
    if (!config) {
        for (const ConfigProblem& problem : config.error())
            std::fprintf(stderr, "%s\n", problem.format().c_str());
        return usage_status;
    }
    if (options.check) return check_forge(*config);
    log::set_level(config->log.level);
    if (::chdir("/") != 0) return 1;
    return run_agent(*config, inherited(options), [options] { return load(options); });
}

}  // namespace
}  // namespace gerve

int main(int argc, char** argv) {
    gerve::reserve_standard_descriptors();
    gerve::log::start("agent");
    // Confined by the agent that started it.
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    if (!words.empty() && words.front() == gerve::lfs::process_word) return gerve::lfs::run_transfer(words);
    if (argc > 0 && gerve::lfs::is_hook(argv[0])) return gerve::lfs::run_hook(argv[0], words);
    static_cast<void>(gerve::lfs::own_program());  // its file may be replaced while it runs
    gerve::confine();
    CLI::App app("Serves the repositories of this machine to the gateways of Gerve.", "gerve-agent");
    gerve::Options options;
    gerve::declare(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : gerve::usage_status;
    }
    return gerve::run(options);
}

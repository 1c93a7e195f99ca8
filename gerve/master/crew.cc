#include "gerve/master/crew.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "authz/base/log.h"
#include "authz/os/shared_page.h"
#include "authz/state_directory.h"
#include "gerve/master/maintenance.h"
#include "gerve/process/control_words.h"

namespace gerve {
namespace {

// A file without a name, so that a child reads what the master checked, whatever has become of the file
// since.
Result<Fd> memory_file(const std::string& content) {
    Fd file(::memfd_create("gerve.toml", MFD_CLOEXEC));
    if (!file) return internal_error(errno_text("memfd_create"));
    if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
        return internal_error(errno_text("cannot write the configuration to memory"));
    }
    return file;
}

std::shared_ptr<TcpListener> find(const std::vector<std::shared_ptr<TcpListener>>& held,
                                  const ListenAddress& address) {
    const auto at = std::find_if(held.begin(), held.end(),
                                 [&](const auto& listener) { return listener->wanted == address; });
    return at == held.end() ? nullptr : *at;
}

Result<std::vector<std::shared_ptr<TcpListener>>> open_or_share_tcp(
    const std::vector<std::string>& addresses, const std::vector<std::shared_ptr<TcpListener>>& held) {
    std::vector<std::shared_ptr<TcpListener>> out;
    for (const std::string& text : addresses) {
        const auto address = ListenAddress::parse(text);
        if (!address) return pass_on(address);
        out.push_back(find(held, *address));
        if (out.back()) continue;
        auto opened = listen_tcp(*address);
        if (!opened) return pass_on(opened);
        out.back() = std::make_shared<TcpListener>(std::move(*opened));
    }
    return out;
}

Result<std::shared_ptr<UnixListener>> open_or_share(const std::string& path, UnixSocketType kind, mode_t mode,
                                                    const std::shared_ptr<UnixListener>& held) {
    if (held && held->path() == path && held->is_reachable()) {
        ::chmod(path.c_str(), mode);
        return held;
    }
    auto opened = UnixListener::open(path, kind, mode);
    if (!opened) return pass_on(opened);
    return std::make_shared<UnixListener>(std::move(*opened));
}

Result<std::shared_ptr<TcpListener>> open_metrics_socket(const std::string& text,
                                                         const std::shared_ptr<TcpListener>& held) {
    const auto address = ListenAddress::parse(text);
    if (!address) return pass_on(address);
    if (held && held->wanted == *address) return held;
    auto opened = listen_tcp(*address);
    if (!opened) return pass_on(opened);
    // Port 0 is the kernel's choice: nothing else says what it chose.
    log::info("listening for metrics", {{"at", "http://" + opened->bound.text() + "/metrics"}});
    return std::make_shared<TcpListener>(std::move(*opened));
}

// The same text for the same file; a program that was replaced may count in another layout.
std::string identity_of(const std::string& program) {
    struct stat status {};
    if (::stat(program.c_str(), &status) != 0) return {};
    return std::to_string(status.st_dev) + " " + std::to_string(status.st_ino) + " " +
           std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
}

Result<std::shared_ptr<MetricsPages>> make_or_share_pages(const std::string& program,
                                                          const std::shared_ptr<MetricsPages>& held) {
    std::string made_for = identity_of(program);
    if (held && held->made_for == made_for) return held;
    auto gateway = make_shared_page("gerve-metrics");
    if (!gateway) return pass_on(gateway);
    auto authz = make_shared_page("authz-metrics");
    if (!authz) return pass_on(authz);
    return std::make_shared<MetricsPages>(
        MetricsPages{std::move(*gateway), std::move(*authz), std::move(made_for)});
}

}  // namespace

std::string_view role_name(Role role) {
    switch (role) {
        case Role::authz: return "authz";
        case Role::agent: return "agent";
        case Role::worker: return "worker";
        case Role::metrics: return "metrics";
    }
    return "";
}

Result<CrewSockets> open_sockets(const Config& config, const CrewSockets& held) {
    CrewSockets out;
    auto tcp = open_or_share_tcp(config.listen.ssh, held.tcp);
    if (!tcp) return pass_on(tcp);
    out.tcp = std::move(*tcp);
    auto git = open_or_share_tcp(config.listen.git, held.git);
    if (!git) return pass_on(git);
    out.git = std::move(*git);
    if (!config.listen.metrics.empty()) {
        auto metrics = open_metrics_socket(config.listen.metrics, held.metrics);
        if (!metrics) return pass_on(metrics);
        out.metrics = std::move(*metrics);
        out.pages = held.pages;
    }
    auto authz =
        open_or_share(config.authz_socket(), UnixSocketType::packets, config.authz.socket_mode(), held.authz);
    if (!authz) return pass_on(authz);
    out.authz = std::move(*authz);
    if (!config.embedded) return out;
    auto agent = open_or_share(config.local_agent_socket(), UnixSocketType::stream,
                               config.authz.socket_mode(), held.agent);
    if (!agent) return pass_on(agent);
    out.agent = std::move(*agent);
    return out;
}

std::string CrewSockets::unreachable() const {
    for (const auto& listener : {authz, agent}) {
        if (listener && !listener->is_reachable()) return listener->path();
    }
    return {};
}

Result<Crew> Crew::make(Config config, CrewSockets sockets, Programs programs) {
    auto text = memory_file(config.source);
    if (!text) return pass_on(text);
    if (sockets.metrics) {
        auto pages = make_or_share_pages(programs.gerve, sockets.pages);
        if (!pages) return pass_on(pages);
        sockets.pages = std::move(*pages);
    }
    return Crew(std::move(config), std::move(sockets), std::move(programs), std::move(*text));
}

Crew::Crew(Config config, CrewSockets sockets, Programs programs, Fd text)
    : config_(std::move(config)),
      sockets_(std::move(sockets)),
      programs_(std::move(programs)),
      text_(std::move(text)) {
    places_.push_back({Role::authz});
    if (config_.embedded) places_.push_back({Role::agent});
    if (sockets_.metrics) places_.push_back({Role::metrics});
    for (unsigned i = 0; i < config_.ssh.worker_count(); ++i) places_.push_back({Role::worker});
}

ChildCommand Crew::command_for(Role role) const {
    ChildCommand command;
    const auto inherit = [&](const std::string& flag, int fd) {
        command.inherited.push_back(fd);
        const int number = child_first_fd + static_cast<int>(command.inherited.size()) - 1;
        command.arguments.insert(command.arguments.end(), {flag, std::to_string(number)});
    };
    if (role == Role::agent) {
        command.program = programs_.agent;
        command.arguments = {"-c", agent_config_file(config_)};
        inherit("--listen-fd", sockets_.agent->get());
    } else {
        command.program = programs_.gerve;
        command.arguments = {std::string(role_name(role)), "--state", config_.state};
        if (!config_.file.empty()) command.arguments.insert(command.arguments.end(), {"-c", config_.file});
        inherit("--config-fd", text_.get());
        if (role == Role::authz) inherit("--listen-fd", sockets_.authz->get());
        if (role == Role::worker) {
            for (const auto& listener : sockets_.tcp) inherit("--listen-fd", listener->socket.get());
            for (const auto& listener : sockets_.git) inherit("--git-fd", listener->socket.get());
        }
        if (role == Role::metrics) inherit("--listen-fd", sockets_.metrics->socket.get());
        if (sockets_.pages && role != Role::authz) inherit("--metrics-fd", sockets_.pages->gateway.get());
        if (sockets_.pages && role != Role::worker) inherit("--metrics-fd", sockets_.pages->authz.get());
    }
    command.arguments.insert(command.arguments.end(), {"--control-fd", std::to_string(child_control_fd)});
    return command;
}

void Crew::start(Place& place, std::int64_t now) {
    place.started = now;
    place.ready = false;
    auto child = spawn_child(command_for(place.role));
    if (!child) return schedule(place, describe(child.error()), now);
    place.child = std::move(*child);
    const bool listens = place.role == Role::worker || place.role == Role::metrics;
    if (listens && !maintenance_.empty())
        tell_child(place.child, std::string(maintenance_word) + maintenance_);
    log::debug("child started", {{"role", role_name(place.role)}, {"child", place.child.pid}});
}

void Crew::schedule(Place& place, const std::string& how, std::int64_t now) {
    const std::int64_t pause = place.policy.pause_after(now - place.started, place.ready);
    place.due = now + pause;
    const bool at_start = !place.ready;
    log::write(
        at_start ? log::Level::error : log::Level::warn,
        at_start ? "a child ended before it was ready; its own lines above say why" : "a child ended",
        {{"role", role_name(place.role)}, {"child", place.child.pid}, {"how", how}, {"restart_ms", pause}});
    place.child = ChildProcess{};
    place.ready = false;
}

void Crew::start_due(std::int64_t now) {
    for (Place& place : places_) {
        if (place.child.pid < 0 && !place.dismissed && place.due <= now) start(place, now);
    }
}

std::int64_t Crew::next_due() const {
    std::int64_t due = std::numeric_limits<std::int64_t>::max();
    for (const Place& place : places_) {
        if (place.child.pid < 0 && !place.dismissed) due = std::min(due, place.due);
    }
    return due;
}

bool Crew::note_end(pid_t pid, int wait_status, std::int64_t now) {
    const auto place =
        std::find_if(places_.begin(), places_.end(), [&](const Place& one) { return one.child.pid == pid; });
    if (place == places_.end()) return false;
    if (place->dismissed) {
        log::debug("child ended", {{"role", role_name(place->role)}, {"child", pid}});
        place->child = ChildProcess{};
    } else {
        schedule(*place, describe_end(wait_status), now);
    }
    return true;
}

void Crew::add_to(std::vector<pollfd>& polled) const {
    for (const Place& place : places_) {
        if (place.child.control) polled.push_back({place.child.control.get(), POLLIN, 0});
    }
}

void Crew::read_controls() {
    for (Place& place : places_) {
        if (!place.child.control) continue;
        char message[64];
        const ssize_t got = ::recv(place.child.control.get(), message, sizeof message, MSG_DONTWAIT);
        if (got == 0) place.child.control.reset();  // it is on its way out; SIGCHLD will tell how
        if (got <= 0) continue;
        if (std::string_view(message, static_cast<std::size_t>(got)) == "ready") place.ready = true;
    }
}

bool Crew::is_ready() const {
    return std::all_of(places_.begin(), places_.end(), [](const Place& place) {
        return place.dismissed || (place.child.pid > 0 && place.ready);
    });
}

bool Crew::is_running(Role role) const {
    return std::any_of(places_.begin(), places_.end(),
                       [&](const Place& place) { return place.role == role && place.child.pid > 0; });
}

unsigned Crew::most_failed_starts() const {
    unsigned most = 0;
    for (const Place& place : places_) most = std::max(most, place.policy.failed_starts());
    return most;
}

void Crew::dismiss(Role role) {
    for (Place& place : places_) {
        if (place.role == role) place.dismissed = true;
    }
    signal(role, finish_signal);
}

void Crew::hurry(Role role) {
    dismiss(role);
    signal(role, hurry_signal);
}

void Crew::signal(Role role, int number) const {
    for (const Place& place : places_) {
        if (place.role == role && place.child.pid > 0) ::kill(place.child.pid, number);
    }
}

void Crew::tell(Role role, std::string_view word) const {
    for (const Place& place : places_) {
        if (place.role == role && place.child.control) tell_child(place.child, word);
    }
}

void Crew::set_maintenance(const std::string& text) {
    maintenance_ = text;
    for (const Role role : {Role::worker, Role::metrics}) tell(role, std::string(maintenance_word) + text);
}

std::vector<CrewMember> Crew::release() {
    std::vector<CrewMember> members;
    for (Place& place : places_) {
        if (place.child.pid > 0) members.push_back({place.role, std::move(place.child)});
    }
    places_.clear();
    return members;
}

}  // namespace gerve

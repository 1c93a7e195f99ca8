#include "gerve/relay/file_servers.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "authz/base/log.h"
#include "gerve/relay/operation_log.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

// For an endpoint that was silent the last time, and is tried all the same since no other serves.
constexpr std::chrono::milliseconds short_patience{1'000};

Health health_after(Missed how) {
    switch (how) {
        case Missed::refused: return Health::refusing;
        case Missed::silent: return Health::silent;
        case Missed::operation: break;
    }
    return Health::serving;
}

std::string_view word(Health health) {
    return health == Health::silent ? "silent" : "refusing";
}

void log_failure(const SessionReport& report, const std::string& endpoint, const Error& error) {
    log_for(report, log::Level::warn, "file server refused or was not reached",
            {{"request", report.request.text()},
             {"server", report.server},
             {"endpoint", endpoint},
             {"why", describe(error)}});
}

}  // namespace

FileServers::FileServers(asio::io_context& loop, const UpstreamConfig& config, Memory memory,
                         Observer observer, std::chrono::milliseconds tickets_last)
    : loop_(loop),
      config_(config),
      memory_(memory),
      observer_(std::move(observer)),
      tickets_last_(tickets_last),
      addresses_(loop) {}

asio::awaitable<Result<Upstream>> FileServers::reach(const Granted& granted, SessionReport& report) {
    Error last{ErrorKind::unavailable, "", "the route has no endpoint"};
    std::vector<std::string> names;
    for (const auto& candidate : granted.destinations) names.push_back(candidate.endpoint.text());
    const Deadline too_old = steady_clock::now() + tickets_last_;
    std::size_t left = names.size();
    for (const std::size_t place : health_.order(names, steady_clock::now())) {
        const Destination& candidate = granted.destinations[place];
        const auto start = steady_clock::now();
        if (start >= too_old) {
            log::warn("endpoints not tried: the ticket is too old",
                      {{"request", report.request.text()}, {"server", report.server}, {"left", left}});
            break;
        }
        // While there is time, the next shall begin with a ticket that counts.
        const Deadline share = too_old - tickets_last_ / 10;
        const Deadline give_up = --left > 0 && start < share ? share : no_deadline;
        auto opened = co_await try_endpoint(candidate, granted.repo, report.git_protocol, give_up);
        report.server = candidate.server.text();
        note(candidate, opened, steady_clock::now() - start);
        if (opened) co_return std::move(*opened);
        last = opened.error().error;
        log_failure(report, names[place], last);
        if (!opened.error().tries_others) break;
    }
    co_return tl::make_unexpected(last);
}

asio::awaitable<Opened<Upstream>> FileServers::try_endpoint(const Destination& destination,
                                                            const RepoPath& repo,
                                                            const std::string& git_protocol,
                                                            Deadline give_up) {
    const Endpoint& endpoint = destination.endpoint;
    const bool was_silent = health_.of(endpoint.text()) == Health::silent;
    const auto now = steady_clock::now();
    const auto patience =
        was_silent ? std::min(config_.connect_timeout, short_patience) : config_.connect_timeout;
    const Deadline deadline = std::min(now + patience, give_up);
    auto destined = co_await locate(endpoint, deadline);
    if (!destined) co_return tl::make_unexpected(destined.error());
    std::string message = destination.open;
    if (endpoint.kind() == Endpoint::Kind::git_daemon) {
        const std::string host = endpoint.text().substr(std::string_view("git://").size());
        message = encode_daemon_request(repo.text() + ".git", host, git_protocol);
    }
    const Deadline answer =
        std::min(now + std::max(config_.answer_timeout, config_.connect_timeout), give_up);
    auto opened = co_await Upstream::open(std::move(*destined), std::move(message), deadline, answer);
    co_return opened;
}

asio::awaitable<Opened<Destined>> FileServers::locate(const Endpoint& endpoint, Deadline deadline) {
    Destined destined{endpoint, {}, config_.peer_timeout};
    if (endpoint.kind() == Endpoint::Kind::unix_socket) co_return destined;
    std::string host = endpoint.host();
    auto addresses = co_await addresses_.find(std::move(host), deadline);
    if (!addresses) co_return missed(Missed::silent, endpoint, describe(addresses.error()));
    destined.addresses = std::move(*addresses);
    co_return destined;
}

void FileServers::note(const Destination& destination, const Opened<Upstream>& opened,
                       std::chrono::nanoseconds time) {
    const Health health = opened ? Health::serving : health_after(opened.error().how);
    tell({destination.server, destination.endpoint, health, opened.has_value(), false, time});
    if (memory_ == Memory::none) return;
    const std::string name = destination.endpoint.text();
    if (health == Health::serving) {
        if (health_.of(name) != Health::serving) {
            log::info("endpoint serves again", {{"server", destination.server.text()}, {"endpoint", name}});
        }
        return health_.note_serving(name);
    }
    if (!health_.note_failed(name, health, steady_clock::now())) return;
    log::warn("endpoint does not serve: trying others first",
              {{"server", destination.server.text()}, {"endpoint", name}, {"is", word(health)}});
    begin_asking_after(destination);
}

// One asks after each endpoint, however often it comes and goes: who sleeps is woken, and begins anew.
void FileServers::begin_asking_after(const Destination& destination) {
    const auto [asking, is_new] = asked_after_.try_emplace(destination.endpoint.text(), loop_);
    if (!is_new) {
        asking->second.cancel();
        return;
    }
    asio::co_spawn(loop_, ask_after(destination.server, destination.endpoint, asking->second),
                   asio::detached);
}

asio::awaitable<Opened<void>> FileServers::probe_once(const Endpoint& endpoint) {
    const Deadline deadline = steady_clock::now() + config_.connect_timeout;
    auto destined = co_await locate(endpoint, deadline);
    if (!destined) co_return tl::make_unexpected(destined.error());
    const auto answered = co_await Upstream::probe(std::move(*destined), deadline);
    co_return answered;
}

// Until it serves, or a session has found that it does, or nobody wants it any more.
asio::awaitable<void> FileServers::ask_after(ServerName server, Endpoint endpoint,
                                             asio::steady_timer& pause) {
    const std::string name = endpoint.text();
    while (true) {
        pause.expires_after(health_.next_pause(name));
        asio::error_code woken;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (!health_.worth_probing(name, steady_clock::now())) break;
        if (woken || probes_ >= max_probes) continue;
        const auto start = steady_clock::now();
        ++probes_;
        const auto answered = co_await probe_once(endpoint);
        --probes_;
        const Health health = answered ? Health::serving : health_after(answered.error().how);
        tell({server, endpoint, health, false, true, steady_clock::now() - start});
        if (health == Health::serving) {
            log::info("endpoint serves again", {{"server", server.text()}, {"endpoint", name}});
            health_.note_serving(name);
            break;
        }
        (void)health_.note_failed(name, health, steady_clock::now());
    }
    asked_after_.erase(name);
}

}  // namespace gerve

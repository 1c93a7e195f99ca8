// FileServers: how one process reaches file servers, and what it remembers of their endpoints.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <unordered_map>

#include "authz/upstream_config.h"
#include "authz/wire/reports.h"
#include "gerve/relay/address_book.h"
#include "gerve/relay/endpoint_health.h"
#include "gerve/relay/upstream.h"

namespace gerve {

// One attempt to use an endpoint, for a session or only to see whether it serves again.
struct EndpointAttempt {
    const ServerName& server;
    const Endpoint& endpoint;
    Health result;  // an endpoint that serves, and not this operation, is `serving`
    bool served;    // the operation was taken on
    bool probe;
    std::chrono::nanoseconds time;
};

// Outlives the event loop's run.
class FileServers {
  public:
    using Observer = std::function<void(const EndpointAttempt&)>;

    // A ticket counts for 30 s after authz has signed it: no endpoint is begun with later than this.
    static constexpr std::chrono::milliseconds tickets_count_for{25'000};

    // Endpoints that are asked at once whether they serve again, when many are away.
    static constexpr unsigned max_probes = 32;

    // The observer may be empty. Without a memory nothing is asked after in the background: for a process of
    // one session.
    enum class Memory { none, kept };
    FileServers(asio::io_context& loop, const UpstreamConfig& config, Memory memory, Observer observer = {},
                std::chrono::milliseconds tickets_last = tickets_count_for);

    // The first endpoint that takes the operation on: those that serve first, in the route's order, and those
    // that lately did not behind them. Each is tried once, only before a byte of the client was read, and
    // only while its ticket counts; while there are others, none is waited for longer than that. An endpoint
    // that does not serve is asked after until it does. Errors: unavailable, denied, internal. `report` is
    // told the server, and what went wrong is logged with its request id.
    asio::awaitable<Result<Upstream>> reach(const Granted& granted, SessionReport& report);

    [[nodiscard]] const UpstreamConfig& config() const { return config_; }

  private:
    asio::awaitable<Opened<Upstream>> try_endpoint(const Destination& destination, const RepoPath& repo,
                                                   const std::string& git_protocol, Deadline give_up);
    asio::awaitable<Opened<Destined>> locate(const Endpoint& endpoint, Deadline deadline);
    asio::awaitable<Opened<void>> probe_once(const Endpoint& endpoint);
    void begin_asking_after(const Destination& destination);
    asio::awaitable<void> ask_after(ServerName server, Endpoint endpoint, asio::steady_timer& pause);
    void note(const Destination& destination, const Opened<Upstream>& opened, std::chrono::nanoseconds time);
    void tell(const EndpointAttempt& attempt) const {
        if (observer_) observer_(attempt);
    }

    asio::io_context& loop_;
    const UpstreamConfig config_;
    const Memory memory_;
    const Observer observer_;
    const std::chrono::milliseconds tickets_last_;
    AddressBook addresses_;
    EndpointHealth health_;
    std::unordered_map<std::string, asio::steady_timer> asked_after_;  // endpoints, and what is slept by
    unsigned probes_ = 0;                                              // under way
};

}  // namespace gerve

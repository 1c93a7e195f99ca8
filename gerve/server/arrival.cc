#include "gerve/server/arrival.h"

namespace gerve {

asio::awaitable<std::optional<std::string>> find_client(WorkerContext& worker, Fd& socket, IpAddress peer,
                                                        TurnAway turn_away) {
    const auto client = co_await worker.balancers.find_client(worker.loop, socket, peer);
    std::optional<std::string> address;
    if (client) {
        address = client->text();
    } else if (client.error().kind == ErrorKind::denied) {
        worker.metrics.count_refused(ConnectionEnd::awaiting_header);
        turn_away(socket, client.error().told, peer.text());
    } else if (!client.error().told.empty()) {
        worker.metrics.count_refused(ConnectionEnd::proxy_header);
    }
    co_return address;
}

std::optional<UnauthenticatedLimit::Place> admit(WorkerContext& worker, const Fd& socket,
                                                 const std::string& address, TurnAway turn_away) {
    UnauthenticatedLimit::Refusal refusal;
    auto place = worker.unauthenticated.admit(address, refusal);
    if (place) return place;
    worker.metrics.count_refused(refusal.by_source ? ConnectionEnd::per_source : ConnectionEnd::in_all);
    turn_away(socket, refusal.text, address);
    return std::nullopt;
}

}  // namespace gerve

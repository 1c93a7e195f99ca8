#include "gerve/worker/arrival.h"

namespace gerve {
namespace {

ClientContext context_of(const std::string& address, const ArrivalDoor& door) {
    return {address, "", "", door.name};
}

}  // namespace

asio::awaitable<std::optional<std::string>> find_client(WorkerContext& worker, Fd& socket, IpAddress peer,
                                                        const ArrivalDoor& door) {
    const auto client = co_await worker.balancers.find_client(worker.loop, socket, peer);
    std::optional<std::string> address;
    if (client) {
        address = client->text();
    } else if (client.error().kind == ErrorKind::denied) {
        worker.metrics.count_refused(ConnectionEnd::awaiting_header);
        worker.refusals.note(context_of(peer.text(), door), "limit-awaiting-header", client.error().told);
        door.turn_away(socket, client.error().told);
    } else if (!client.error().told.empty()) {
        worker.metrics.count_refused(ConnectionEnd::proxy_header);
        worker.refusals.note(context_of(peer.text(), door), "proxy-header", client.error().told);
    }
    co_return address;
}

std::optional<UnauthenticatedLimit::Place> admit(WorkerContext& worker, const Fd& socket,
                                                 const std::string& address, const ArrivalDoor& door) {
    UnauthenticatedLimit::Refusal refusal;
    auto place = worker.unauthenticated.admit(address, refusal);
    if (place) return place;
    worker.metrics.count_refused(refusal.by_source ? ConnectionEnd::per_source : ConnectionEnd::in_all);
    worker.refusals.note(context_of(address, door),
                         refusal.by_source ? "limit-unauthenticated-per-source" : "limit-unauthenticated",
                         refusal.text);
    door.turn_away(socket, refusal.text);
    return std::nullopt;
}

}  // namespace gerve

#include "gerve/server/session.h"

namespace gerve {

asio::awaitable<std::optional<std::string>> find_client(WorkerContext& worker, Fd& socket, IpAddress peer) {
    const auto client = co_await worker.balancers.find_client(worker.loop, socket, peer);
    std::optional<std::string> address;
    if (client) {
        address = client->text();
    } else if (client.error().kind == ErrorKind::denied) {
        worker.metrics.count_refused(ConnectionEnd::awaiting_header);
        refuse_connection(socket, client.error().told, peer.text());
    } else if (!client.error().told.empty()) {
        worker.metrics.count_refused(ConnectionEnd::proxy_header);
    }
    co_return address;
}

}  // namespace gerve

// The balancers in front of the gateway: whom they connect for.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/metrics.h"
#include "gerve/loop/event.h"
#include "gerve/worker/proxy_header.h"

namespace gerve {

class Balancers {
  public:
    // Of listen.proxy_protocol_from, which was checked when the configuration was read. At most so many
    // connections wait for their header; `shown` says how many do, and outlives this.
    Balancers(const std::vector<std::string>& networks, unsigned max_waiting, Gauge& shown);
    // Whether a PROXY header is required from that peer, and believed.
    [[nodiscard]] bool include(const IpAddress& peer) const;
    // For whom the peer connects: itself, or the client that its header names; nothing but the header is
    // read. Error: client, which is logged; of an empty text and not logged when the peer closed without a
    // byte, as a check that only connects does. Error: denied, too many wait already; it is not logged here.
    asio::awaitable<Result<IpAddress>> find_client(asio::io_context& loop, Fd& socket, IpAddress peer);

  private:
    std::vector<Network> networks_;
    unsigned max_waiting_;
    unsigned waiting_ = 0;
    Gauge& shown_;
};

}  // namespace gerve

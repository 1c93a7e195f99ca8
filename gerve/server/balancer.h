// The balancers in front of the gateway: whom they connect for.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <vector>

#include "authz/base/fd.h"
#include "gerve/relay/wakeup.h"
#include "gerve/server/proxy_header.h"

namespace gerve {

class Balancers {
  public:
    // Of listen.proxy_protocol_from, which was checked when the configuration was read.
    explicit Balancers(const std::vector<std::string>& networks);
    // Whether a PROXY header is required from that peer, and believed.
    [[nodiscard]] bool include(const IpAddress& peer) const;

  private:
    std::vector<Network> networks_;
};

// Reads a header off a connection and not a byte more. Error: client (it is none, ended, or took too long);
// an empty text when the peer closed without a byte, as a balancer's check that only connects does.
asio::awaitable<Result<ProxyHeader>> read_proxy_header(asio::io_context& loop, Fd& socket, Deadline deadline);

}  // namespace gerve

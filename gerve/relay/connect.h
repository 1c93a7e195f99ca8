// Connecting to an endpoint of a file server, within a deadline and without blocking.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/address.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/route.h"
#include "gerve/loop/deadline.h"

namespace gerve {

// Why an endpoint does not serve an operation.
enum class Missed {
    refused,    // it said so at once: another endpoint may serve, and this one soon again
    silent,     // no answer in time
    operation,  // it serves, but not this
};
struct OpenFailure {
    Missed how;
    Error error;
    bool tries_others = true;  // another endpoint of the file server may be asked
};
template <class T>
using Opened = tl::expected<T, OpenFailure>;

// Where to connect, and how patient to be.
struct Destined {
    const Endpoint& endpoint;
    std::vector<asio::ip::address> addresses;  // none for a unix socket
    std::chrono::milliseconds peer_timeout;    // a peer that takes nothing for so long is lost
};

// Tries the addresses in turn; one that is silent has its share of the time alone. The socket's buffers are
// bounded; it has TCP_NODELAY, keepalive and TCP_USER_TIMEOUT.
asio::awaitable<Opened<asio::posix::stream_descriptor>> connect_to(const Destined& destined,
                                                                   Deadline deadline);

[[nodiscard]] tl::unexpected<OpenFailure> missed(Missed how, const Endpoint& endpoint,
                                                 const std::string& why);

}  // namespace gerve

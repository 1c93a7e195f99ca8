// relay(): carries the three streams and the exit status between a git client and an agent.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "gerve/relay/client_streams.h"
#include "gerve/relay/scratch.h"
#include "gerve/relay/upstream.h"

namespace gerve {

enum class RelayEnd {
    exited,         // git ended and its exit status came through
    upstream_lost,  // the connection ended without EXIT: a failure, whatever came before
    client_gone,
};

struct RelayOutcome {
    RelayEnd end = RelayEnd::upstream_lost;
    int exit_status = 0;          // with `exited`; 128 + n when signal n ended git, as a shell tells it
    std::string reason;           // of the agent, for the log
    std::uint64_t bytes_in = 0;   // from the client
    std::uint64_t bytes_out = 0;  // to the client
};

// Runs until one side has ended; both streams are at rest and the upstream is closed when it returns.
// `scratch` is shared with the other relays of the same event loop.
asio::awaitable<RelayOutcome> relay(ClientStreams& client, Upstream& upstream, Scratch& scratch);

}  // namespace gerve

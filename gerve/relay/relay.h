// relay(): carries the three streams and the exit status between a git client and a file server.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "gerve/relay/client_streams.h"
#include "gerve/relay/grv1_report.h"
#include "gerve/relay/scratch.h"
#include "gerve/relay/upstream.h"

namespace gerve {

enum class RelayEnd {
    exited,         // git ended and its exit status came through
    upstream_lost,  // the connection ended without EXIT: a failure, whatever came before
    client_gone,
    idle,      // no byte either way for too long
    too_long,  // the operation took longer than any may
};

struct RelayDeadlines {
    std::chrono::milliseconds idle{0};      // 0: none
    std::chrono::milliseconds duration{0};  // 0: none
    bool idle_while_sending = false;        // idle counts only until the client has sent everything
    // How long to keep listening to an agent when the client has left, to learn what became of the operation;
    // 0: not at all.
    std::chrono::milliseconds settling{0};
};

struct RelayOutcome {
    RelayEnd end = RelayEnd::upstream_lost;
    std::optional<int> exit_status;  // git's, if it was told; 128 + n when signal n ended git, as in a shell
    std::string reason;              // of the agent, for the log
    std::uint64_t bytes_in = 0;      // from the client
    std::uint64_t bytes_out = 0;     // to the client
    grv1::Report report;             // of the agent, as far as it came
    std::string bad_report;          // why a part of it was left out; empty: nothing was
};

// Runs until one side has ended; both streams are at rest and the upstream is closed when it returns.
// `scratch` is shared with the other relays of the same event loop.
//
// A git daemon sends no EXIT. There the end of the stream counts as exit status 0 if it comes where git's own
// protocol lets a server be done (PacketStream), and as a lost connection anywhere else; its messages for
// stderr stay with it.
asio::awaitable<RelayOutcome> relay(ClientStreams& client, Upstream& upstream, Scratch& scratch,
                                    RelayDeadlines deadlines = {});

}  // namespace gerve

// Permits: who may ask authz what through which door, and what answers it, in one table.
#pragma once

#include <optional>
#include <string>

#include "authz/audit/audit.h"
#include "authz/service/authorizer.h"
#include "authz/service/live_sessions.h"
#include "authz/service/peers.h"
#include "authz/wire/wire.h"

namespace gerve {

// A question in hand, and what its handler works with. Nothing is owned.
struct Visit {
    std::uint64_t id;  // of the question
    Authorizer& authorizer;
    const Asker& asker;
    const Peer& peer;
    std::uint64_t connection;  // of the peer, as LiveSessions knows it
    LiveSessions& live;
    AuditSink& audit;
    bool live_changed = false;  // by the handler
};

// The result of a question of any type.
struct Answered {
    std::optional<Error> error;
    std::string reply;           // encoded; empty with an error
    std::optional<Rule> denial;  // the rule that refused an operation
    bool stale = false;          // the handle is
};

struct Permit {
    PeerKind kind;
    Door door;
    std::size_t request;  // its place in Request
    // Null: questions of this type are answered together, see AuthzServer::answer_keys().
    Answered (*answer)(Visit& visit, const Request& request);
};

// The row by which the peer may ask this through that door; null: it may not.
[[nodiscard]] const Permit* find_permit(const Peer& peer, std::size_t request, Door door);

// Of whatever kind a request is.
[[nodiscard]] const ClientContext& client_of(const Request& request);
[[nodiscard]] std::string request_id_of(const Request& request);  // of its connection, if it has none itself

}  // namespace gerve

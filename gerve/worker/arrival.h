// Who has come to a worker's socket, and whether there is room; alike for every front door.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "gerve/worker/worker_context.h"

namespace gerve {

// A front door, as a new connection meets it.
struct ArrivalDoor {
    Door name;
    // Tells a client why it is not taken on, in the door's own protocol.
    void (*turn_away)(const Fd& socket, const std::string& text);
};

// For whom a connection was made; nothing when it is to be closed, which is counted and, if there is anything
// to say, told.
asio::awaitable<std::optional<std::string>> find_client(WorkerContext& worker, Fd& socket, IpAddress peer,
                                                        const ArrivalDoor& door);

// A place among those who have not said who they are or what they want. Nothing: counted and told likewise.
std::optional<UnauthenticatedLimit::Place> admit(WorkerContext& worker, const Fd& socket,
                                                 const std::string& address, const ArrivalDoor& door);

}  // namespace gerve

// Who has come to a worker's socket, and whether there is room; alike for every front door.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>

#include "authz/base/address.h"
#include "authz/base/fd.h"
#include "gerve/server/session.h"

namespace gerve {

// Tells a client why it is not taken on, in the door's own protocol, and the log.
using TurnAway = void (*)(const Fd& socket, const std::string& text, const std::string& address);

// For whom a connection was made; nothing when it is to be closed, which is counted and, if there is anything
// to say, told.
asio::awaitable<std::optional<std::string>> find_client(WorkerContext& worker, Fd& socket, IpAddress peer,
                                                        TurnAway turn_away);

// A place among those who have not said who they are or what they want. Nothing: counted and told likewise.
std::optional<UnauthenticatedLimit::Place> admit(WorkerContext& worker, const Fd& socket,
                                                 const std::string& address, TurnAway turn_away);

}  // namespace gerve

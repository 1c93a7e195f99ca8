// The sockets on which an agent waits for gateways.
#pragma once

#include <optional>
#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/os/socket_file.h"
#include "gerve/agent/agent_config.h"

namespace gerve {

struct Listener {
    Fd socket;  // listening, non-blocking
    bool unix_socket = false;
    std::optional<SocketFile> file;  // of a unix socket that this process made; to be removed at the end
};

// Binds an endpoint of the configuration. A unix socket is open to its owner and group; one that a dead
// process left is replaced. Error: internal, naming the endpoint.
[[nodiscard]] Result<Listener> open_listener(const std::string& endpoint, const AgentLimits& limits);

// A listening socket that this process was started with. Error: internal, when it is none.
[[nodiscard]] Result<Listener> inherit_listener(Fd socket, const AgentLimits& limits);

// The other end of a connection, for the log: "192.0.2.1:40000", or "unix pid=7 uid=33".
[[nodiscard]] std::string peer_name(int socket, bool unix_socket);

// For whom a connection counts: an IPv4 address, or an IPv6 /64, in hexadecimal; nothing for a unix socket.
[[nodiscard]] std::string peer_source(int socket, bool unix_socket);

// What an accepted connection does not have from its listener.
void prepare_connection(int socket, bool unix_socket, const AgentLimits& limits);

}  // namespace gerve

// One blocking operation on an agent's admin service, over GRV1.
#pragma once

#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/model/route.h"

namespace gerve {

// Connects within five seconds; the socket blocks. Error: unavailable, naming the endpoint.
[[nodiscard]] Result<Fd> connect_to(const Endpoint& endpoint);

struct AgentAnswer {
    std::string output;  // of the operation
};

// Sends `open` (a whole OPEN message of service admin) and waits for the end. Errors: unavailable (the
// connection failed, or a FAIL that may be retried elsewhere), denied (FAIL 5, no such repository), client
// (any other FAIL, or what the file server said on stderr).
[[nodiscard]] Result<AgentAnswer> call_agent(const Fd& connection, std::string_view open);

// Whether the agent takes work: sends `open`, which asks for a repository that nobody can have, and returns
// nothing, or what keeps an agent that has accepted the ticket from serving at present ("on standby",
// "draining", "busy"). Errors: unavailable (the connection failed), client (any other FAIL: name, ticket key
// or clock are not right).
[[nodiscard]] Result<std::string> ask_agent(const Fd& connection, std::string_view open);

}  // namespace gerve

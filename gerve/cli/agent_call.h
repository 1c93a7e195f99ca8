// One blocking operation on an agent's admin service, over GRV1.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/model/route.h"

namespace gerve {

// What became of an order that was not carried out.
enum class Fate {
    elsewhere,  // not taken up; another endpoint of the same server may do it
    refused,    // not done, and not to be done elsewhere
    missing,    // there is no such repository
    unknown,    // sent and not answered: it may be done, or under way
};

struct Undone {
    Fate fate;
    std::string why;             // for the administrator
    bool misunderstood = false;  // FAIL 4: of a call that is new, an agent that is older
};

template <class T>
using Ordered = tl::expected<T, Undone>;

[[nodiscard]] inline tl::unexpected<Undone> undone(Fate fate, std::string why) {
    return tl::make_unexpected(Undone{fate, std::move(why)});
}

// Connects within five seconds; the socket blocks. Errors: unavailable, naming the endpoint; client (a git
// daemon).
[[nodiscard]] Result<Fd> connect_to(const Endpoint& endpoint);

struct AgentAnswer {
    int status = 0;      // 0 done; 128 and more: by a signal
    std::string output;  // of the operation, and behind 1 MiB of both streams nothing more
    std::string errors;
};

// Deleting a large repository takes its time.
constexpr std::chrono::seconds admin_patience{600};

// Sends `open` (a whole OPEN message of service admin) and waits for the end, at most `patience` for each
// piece of it.
[[nodiscard]] Ordered<AgentAnswer> call_agent(const Fd& connection, std::string_view open,
                                              std::chrono::seconds patience = admin_patience);

// Whether the agent takes work: sends `open`, which asks for a repository that nobody can have, and returns
// nothing, or what keeps an agent that has accepted the ticket from serving at present ("on standby",
// "draining", "busy"). Errors: unavailable (the connection failed, or the file server cannot use its disk),
// client (any other FAIL: name, ticket key or clock are not right).
[[nodiscard]] Result<std::string> ask_agent(const Fd& connection, std::string_view open);

}  // namespace gerve

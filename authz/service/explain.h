// explain(): what would be decided for somebody now, and why; the answer of `gerve explain`.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "authz/certificate_rules.h"
#include "authz/config.h"
#include "authz/lfs_config.h"
#include "authz/model/git_command.h"
#include "authz/service/inquiry.h"
#include "authz/store/database.h"

namespace gerve {

// Everything is text for an administrator, but for `exit`.
struct Explanation {
    std::vector<std::pair<std::string, std::string>> facts;  // what was asked, and the answer, in order
    bool allowed = false;
    // Of policy (rule_name), or "certificate-" and the certificate_rule_name() that refuses, or
    // "unknown-key", "revoked-key", "expired-key"; "no-route" and "no-endpoint" where policy allows what
    // nobody can be sent to.
    std::string rule;
    // To the client on stderr, newline included and without a request id; what sshd says when the key is
    // refused.
    std::string told;
    int exit = 0;  // status of the session; 255, ssh's own, when the key is refused
    std::optional<Route> route;
};

// What is asked. `hints`, unless null, are asked for the route first, and learn nothing.
struct ExplainSources {
    Database& database;
    std::optional<Route> local;  // Directory's
    RouteHints* hints = nullptr;
    // Keys come by a statement of the operator's, over another program's tables.
    bool accounts_elsewhere = false;
    // Where a certificate is taken to come from; nothing: from an address that is not known.
    std::optional<IpAddress> address{};
    LfsMode lfs = LfsMode::transfer;
};

// Who is asked about.
using ExplainSubject = std::variant<Login, Fingerprint, Certificate>;

// Decides by the very functions that serve a login, over tables as they are now.
// Errors: client (no such account, or accounts are elsewhere: then only keys can be asked for), unavailable.
[[nodiscard]] Result<Explanation> explain(const ExplainSources& sources, const ExplainSubject& who,
                                          const GitCommand& command, UnixMillis now);

// The embedded server `local`, at its unix socket.
[[nodiscard]] Route local_route(const std::string& agent_socket);

// That of the configuration; nothing: it has file servers of its own, and no embedded one.
[[nodiscard]] std::optional<Route> embedded_route(const Config& config);

}  // namespace gerve

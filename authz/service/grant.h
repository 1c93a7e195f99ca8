// What a peer gets for an operation that is allowed: signed tickets for the file servers, or a token for
// another server. The only place where they are signed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/service/authorizer.h"
#include "authz/service/inquiry.h"
#include "authz/wire/protocol.h"

namespace gerve {

// What an operation is run for, whoever asked for it.
struct Errand {
    Service service;
    const RepoPath& asked_for;
    const std::optional<GitProtocol>& git_protocol;
    const RequestId& request;
    std::vector<NameValue> environment;  // of hooks
    bool takes_report;
    const ClientContext& client;
    std::string write_refusal = {};  // one line without its end
    HookVariables hooks = {};
};

// Of hooks; with a principal, who pushes as well.
[[nodiscard]] std::vector<NameValue> hook_environment(const Repository& repository, const RequestId& request,
                                                      const ClientContext& client, std::string protocol);
[[nodiscard]] std::vector<NameValue> hook_environment(const Principal& principal,
                                                      const Repository& repository,
                                                      const AuthorizeRequest& request);

// Of a push, what another program's tables give to its hooks, and with it the client's command. None, if they
// give nothing. Error: unavailable, they are too many.
[[nodiscard]] Result<HookVariables> hook_variables(const Inquiry& inquiry, const AuthorizeRequest& request);

// For a decision that allows it. Error: unavailable (no route, or a server without endpoints).
[[nodiscard]] Result<Authorization> grant(const Signer& signer, const Inquiry& inquiry, Errand errand);

// No file server takes part: the repository's large files are elsewhere. There is a secret for tokens.
[[nodiscard]] Result<Authorization> grant_token(const Signer& signer, const Inquiry& inquiry,
                                                const Principal& principal, const AuthorizeRequest& request);

}  // namespace gerve

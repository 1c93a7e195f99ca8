// decide(): may this principal run this service on this repository. Pure: reads no clock and does no I/O.
#pragma once

#include <optional>

#include "authz/model/decision.h"
#include "authz/model/git_command.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"

namespace gerve {

// Whether decide() will look at the permission: not for the owner, not for reading a public repository,
// not for a deploy key, a suspended account or a missing repository.
[[nodiscard]] bool needs_permission(const Principal& principal, Service service,
                                    const std::optional<Repository>& repository);

// `repository` is nothing when the directory has none by the name that was asked for.
// Whoever may not read a repository gets the decision for one that does not exist, told in the same bytes.
[[nodiscard]] Decision decide(const Principal& principal, Service service,
                              const std::optional<Repository>& repository, const Permission& permission);

// May anybody fetch it, without a login: a public repository, and no other. Everything else is told as
// missing.
[[nodiscard]] Decision decide_anonymous(const std::optional<Repository>& repository);

}  // namespace gerve

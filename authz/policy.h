// decide(): may this principal run this service on this repository. Pure: reads no clock and does no I/O.
#pragma once

#include <optional>

#include "authz/model/decision.h"
#include "authz/model/git_command.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"

namespace gerve {

// What somebody can do in a repository, and the rule that gives or denies it.
struct Reach {
    Access access;
    Rule because;
};

// What decide() goes by, for every service at once: lists of who reaches what are made by it. `none` for a
// suspended account and in a disabled repository. Whether the repository is archived is access_now()'s
// matter.
[[nodiscard]] Reach reach_of(const KeyHolder& holder, const Repository& repository,
                             const Permission& permission);

// What an access allows in the repository as it is: reading at most, while it is archived.
[[nodiscard]] Access access_now(Access access, const Repository& repository);

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

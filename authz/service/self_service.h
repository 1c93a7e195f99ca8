// answer_self(): what the holder of a key is told about it: who it is, its keys, and why it may or may not.
#pragma once

#include "authz/base/clock.h"
#include "authz/model/login_policy.h"
#include "authz/model/principal.h"
#include "authz/store/directory.h"
#include "authz/wire/protocol.h"

namespace gerve {

// Of a repository that the principal may not read, no more is said than of one that does not exist, by the
// same lookups. Error: unavailable.
[[nodiscard]] Result<SelfAnswer> answer_self(Directory& directory, const Principal& principal,
                                             const SelfQuestion& question, const LoginFacts& login,
                                             UnixMillis now);

}  // namespace gerve

// What the directory says of a repository and of somebody's permission on it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "authz/base/clock.h"
#include "authz/model/hook_variables.h"
#include "authz/model/ids.h"
#include "authz/model/login_policy.h"
#include "authz/model/repo_path.h"
#include "authz/model/repository_kind.h"
#include "authz/model/size_limits.h"

namespace gerve {

enum class Access : int { none = 0, read = 1, write = 2, admin = 3 };

// What another program's tables give to the hooks of a push.
struct GivenHooks {
    HookVariables variables{};
    std::string wrong{};  // why they are not all there; empty: they are. No push runs without them
};

struct Repository {
    RepoId id;
    RepoPath path;  // its name now, spelled as stored
    AccountId owner;
    bool is_public = false;
    bool archived = false;
    bool disabled = false;
    bool moved = false;    // found by an old name
    OwnSizeLimits limits;  // its own, and for those that it lacks its owner's
    RepositoryKind kind = RepositoryKind::git;
    LoginPolicy policy{};  // its owner's
    GivenHooks hooks{};
    bool folded_on_disk = false;  // its directory has its name in lower case
};

// The three ways to a permission, each `none` when there is no such row.
struct Permission {
    Access direct = Access::none;
    Access team = Access::none;
    Access organization = Access::none;
    GivenHooks hooks{};
    [[nodiscard]] Access strongest() const { return std::max({direct, team, organization}); }
};

}  // namespace gerve

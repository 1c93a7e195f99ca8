// What of the directory a file can declare: who there is, and who may do what; by names, without the numbers
// and dates of one installation.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "authz/base/problem.h"
#include "authz/model/public_key.h"
#include "authz/store/records.h"

namespace gerve {

// Each knows its place in the file that declares it, for what is refused of it.
struct DeclaredAccount {
    Login login;
    AccountKind kind = AccountKind::user;
    bool suspended = false;
    TextPlace place;
    LoginPolicy policy{};  // of an organisation
};

struct DeclaredMember {
    OrgRole role = OrgRole::member;
    TextPlace place;
    bool is_implied = false;  // by a team: the role that there is stays
};

struct DeclaredRepository {
    bool is_public = false;
    bool archived = false;
    bool disabled = false;
    TextPlace place;
    RepositoryKind kind = RepositoryKind::git;
};

// The holder of a user's key, or of a deploy key.
using DeclaredHolder = std::variant<Login, RepoPath>;
[[nodiscard]] inline std::string name_of(const DeclaredHolder& holder) {
    return std::visit([](const auto& one) { return one.text(); }, holder);
}

struct DeclaredKey {
    PublicKey key;
    DeclaredHolder holder;
    std::string title;
    std::optional<UnixMillis> expires;  // nothing: never
    bool can_write = false;             // of a deploy key
    bool revoked = false;
    TextPlace place;
    bool no_touch_required = false;  // of a FIDO key
};

struct DeclaredGrant {
    Access access = Access::none;
    TextPlace place;
};

// Names compare without regard to case, as everywhere; a key of a map is spelled as it is stored.
struct DeclaredState {
    using Member = std::pair<Login, Login>;         // organisation, user
    using TeamMember = std::pair<TeamPath, Login>;  // of a member of the organisation
    using Grant = std::pair<RepoPath, GrantHolder>;

    std::map<Login, DeclaredAccount> accounts;
    std::map<Member, DeclaredMember> members;
    std::map<TeamPath, TextPlace> teams;
    std::map<TeamMember, TextPlace> team_members;
    std::map<RepoPath, DeclaredRepository> repositories;
    std::map<Fingerprint, DeclaredKey> keys;
    std::map<Grant, DeclaredGrant> grants;
};

}  // namespace gerve

// What Gerve is to have after a gitolite: accounts, keys, teams and access, and what differs.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "authz/store/records.h"
#include "gerve/cli/import/gitolite_names.h"

namespace gerve {

using TeamMembers = std::map<Login, std::set<Login>>;  // by the team's name, within the organisation

struct PlannedRepository {
    std::string old_name;
    RepoPath path;
    bool is_public = false;
    std::map<Login, Access> access;  // of every user of the plan: none, read or write
    std::set<Login> teams;           // those that a rule of it names
};

struct PlannedKey {
    Login login;
    PublicKey key;
    std::string path;
};

struct PlannedGrant {
    Login holder;
    bool is_team = false;
    Access access = Access::none;
    friend bool operator==(const PlannedGrant&, const PlannedGrant&) = default;
};

struct GitolitePlan {
    Login owner;
    std::set<Login> users;
    std::set<Login> organizations;
    std::vector<PlannedKey> keys;
    TeamMembers teams;
    std::vector<PlannedRepository> repositories;
    ImportFindings findings;
};

[[nodiscard]] GitolitePlan plan_gitolite(const GitoliteConf& conf, const GitoliteAccess& access,
                                         const Keydir& keydir, const ImportChoices& choices);

// Grants that give each user exactly what the plan says: a team gets what all of its members may have, and a
// user who may have more gets the rest. `teams`: those that can be used, with the members that they have.
[[nodiscard]] std::vector<PlannedGrant> grants_for(const PlannedRepository& repository,
                                                   const TeamMembers& teams);

}  // namespace gerve

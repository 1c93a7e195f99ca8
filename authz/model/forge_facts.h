// What a forge's tables say of a repository and of who asks for it: the values of their columns, before any
// rule is applied to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "authz/model/forge.h"
#include "authz/model/repo_path.h"

namespace gerve {

// Access modes of the forges: 0 none, 1 read, 2 write, 3 admin, 4 owner.
using ForgeMode = int;

// user.type, repository.status and user.visibility, as far as they matter.
namespace forge_values {
constexpr std::int64_t organization = 1;
constexpr std::int64_t person = 0;
constexpr std::int64_t being_created = 1;
constexpr std::int64_t broken = 3;
constexpr std::int64_t visible_to_all = 0;
constexpr std::int64_t hidden_owner = 2;
}  // namespace forge_values

// A row of repo_unit. Columns that a family lacks are 0.
struct ForgeUnitRow {
    ForgeMode default_permissions = 0;
    ForgeMode everyone = 0;
    ForgeMode anonymous = 0;
};

struct ForgeOwner {
    std::int64_t id = 0;
    std::int64_t type = 0;
    bool is_active = false;
    std::int64_t visibility = forge_values::hidden_owner;
    std::string email{};  // empty: kept private
    [[nodiscard]] bool is_organization() const { return type == forge_values::organization; }
};

struct ForgeRepository {
    std::int64_t id = 0;
    RepoPath path;  // its name now, spelled as stored, without ".wiki"
    ForgeOwner owner{};
    bool is_private = true;
    bool is_archived = false;
    bool is_mirror = false;
    std::int64_t status = 0;
    std::optional<ForgeUnitRow> unit{};  // the one that was asked for
    bool moved = false;                  // found by an old name
};

// Of all teams that the user is in and that the repository is in, of the organisation that owns it.
struct ForgeTeams {
    std::int64_t count = 0;
    ForgeMode authorize = 0;  // the highest
    std::int64_t unit_rows = 0;
    ForgeMode unit_mode = 0;  // the highest in their rows of the unit
};

// A user, as far as one repository is concerned.
struct ForgeUser {
    std::int64_t id = 0;
    std::string name{};   // as stored
    std::string email{};  // empty: kept private
    std::int64_t type = 0;
    bool is_active = false;
    bool prohibit_login = true;
    bool is_admin = false;
    bool is_restricted = true;
    bool has_second_factor = false;  // looked up only where one may be needed
    bool collaborates = false;
    bool is_member = false;             // of the organisation that owns it
    std::optional<ForgeMode> access{};  // access.mode
    ForgeTeams teams{};
};

// A row of deploy_key: the key's, on the repository that is asked for.
struct ForgeDeployKey {
    std::int64_t id = 0;
    ForgeMode mode = 0;
};

}  // namespace gerve

#include "authz/store/records.h"

#include "authz/base/text.h"

namespace gerve {

Result<TeamPath> TeamPath::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return client_error("'" + printable(text, 120) + "' is not a team: the form is ORG/TEAM");
    }
    auto organization = Login::parse(text.substr(0, slash));
    if (!organization) return pass_on(organization);
    auto name = Login::parse(text.substr(slash + 1));
    if (!name) {
        return client_error("'" + printable(text, 120) +
                            "' is not a team: a team name follows the same rules as a login");
    }
    return TeamPath{std::move(*organization), std::move(*name)};
}

Result<GrantHolder> parse_grant_holder(std::string_view text) {
    if (text.find('/') != std::string_view::npos) {
        auto team = TeamPath::parse(text);
        if (!team) return pass_on(team);
        return std::move(*team);
    }
    auto login = Login::parse(text);
    if (!login) return pass_on(login);
    return std::move(*login);
}

std::string_view KeyRecord::state(UnixMillis now) const {
    if (revoked) return "revoked";
    if (expires && *expires <= now) return "expired";
    return is_suspended(holder) ? "suspended" : "live";
}

std::string_view RepositoryRecord::state() const {
    if (disabled) return "disabled";
    return archived ? "archived" : "active";
}

std::string_view access_name(Access access) {
    switch (access) {
        case Access::none: return "none";
        case Access::read: return "read";
        case Access::write: return "write";
        case Access::admin: return "admin";
    }
    return "none";
}

Result<Access> parse_access(std::string_view text) {
    for (const Access access : {Access::read, Access::write, Access::admin}) {
        if (access_name(access) == text) return access;
    }
    return client_error("'" + printable(text, 40) + "' is not an access level: read, write or admin");
}

std::string_view account_kind_name(AccountKind kind) {
    return kind == AccountKind::user ? "user" : "org";
}

std::string_view org_role_name(OrgRole role) {
    return role == OrgRole::owner ? "owner" : "member";
}

Result<OrgRole> parse_org_role(std::string_view text) {
    if (text == "member") return OrgRole::member;
    if (text == "owner") return OrgRole::owner;
    return client_error("'" + printable(text, 40) + "' is not a role: member or owner");
}

}  // namespace gerve

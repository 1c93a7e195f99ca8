#include "authz/forge_policy.h"

#include <algorithm>

#include "authz/base/match.h"

namespace gerve {
namespace {

constexpr ForgeMode none = 0;
constexpr ForgeMode read = 1;
constexpr ForgeMode write = 2;
constexpr ForgeMode admin = 3;
constexpr ForgeMode owner_mode = 4;
constexpr ForgeMode everybody_writes = 3;  // of repo_unit.default_permissions

Deny hide(Rule because) {
    return {messages::repository_not_found(), because};
}

// What a family's rules are made of, for one user and one unit of one repository.
class ForgeAccess {
  public:
    ForgeAccess(const ForgeRules& rules, ForgeUnit unit, const ForgeUser& user,
                const ForgeRepository& repository)
        : rules_(rules), unit_(unit), user_(user), repository_(repository) {}

    [[nodiscard]] ForgeMode mode() const {
        if (!repository_.unit || rules_.disables(unit_)) return none;
        if (!sees_owner() && !user_.collaborates) return without_login();
        if (user_.is_admin || user_.id == repository_.owner.id) return owner_mode;
        if (!repository_.owner.is_organization()) return of_person();
        if (user_.teams.authorize >= admin) return owner_mode;
        switch (rules_.family) {
            case ForgeFamily::forgejo:
            case ForgeFamily::gitea_1_21: return of_organization();
            case ForgeFamily::gitea_1_22: return of_organization_since_1_22();
            case ForgeFamily::gitea_1_24: return of_organization_since_1_24();
        }
        return none;
    }

  private:
    [[nodiscard]] bool sees_owner() const {
        const ForgeOwner& owner = repository_.owner;
        if (user_.is_admin || user_.id == owner.id || user_.is_member) return true;
        if (owner.visibility != forge_values::hidden_owner && !user_.is_restricted) return true;
        return is_open_to_restricted();
    }
    [[nodiscard]] bool is_open_to_restricted() const {
        return rules_.restricted_see_public() && !rules_.require_signin &&
               repository_.owner.visibility == forge_values::visible_to_all;
    }
    [[nodiscard]] bool is_public() const { return !repository_.is_private && !user_.is_restricted; }

    // A row of `access` replaces what would hold without it.
    [[nodiscard]] ForgeMode by_access() const {
        if (user_.access) return *user_.access;
        return is_public() || (!repository_.is_private && is_open_to_restricted()) ? read : none;
    }

    // What nobody in particular has: everyone who is signed in, or anybody at all.
    [[nodiscard]] ForgeMode without_login() const {
        switch (rules_.family) {
            case ForgeFamily::forgejo:
            case ForgeFamily::gitea_1_21: return none;
            case ForgeFamily::gitea_1_22: return repository_.unit->everyone;
            case ForgeFamily::gitea_1_24: break;
        }
        if (rules_.force_private) return none;
        return std::max(repository_.unit->everyone, repository_.unit->anonymous);
    }

    // Of a public repository, where nothing else gives access.
    [[nodiscard]] ForgeMode by_default(ForgeMode unset) const {
        const ForgeMode given =
            rules_.family == ForgeFamily::forgejo ? repository_.unit->default_permissions : none;
        if (given == everybody_writes) return write;
        return given == none ? unset : none;
    }

    [[nodiscard]] ForgeMode of_person() const {
        const bool since_1_22 =
            rules_.family == ForgeFamily::gitea_1_22 || rules_.family == ForgeFamily::gitea_1_24;
        if (since_1_22) return std::max(by_access(), without_login());
        return is_public() ? by_default(by_access()) : by_access();
    }

    [[nodiscard]] ForgeMode as_collaborator() const { return user_.collaborates ? by_access() : none; }

    [[nodiscard]] ForgeMode of_organization() const {
        if (user_.teams.unit_mode > none) return std::max(as_collaborator(), user_.teams.unit_mode);
        if (user_.collaborates) return by_access();
        return is_public() ? by_default(read) : none;
    }

    // A team's row counts although it gives nothing: so it hides a public unit from the team.
    [[nodiscard]] ForgeMode of_organization_since_1_22() const {
        const bool has_rows = user_.teams.unit_rows > 0;
        if ((user_.collaborates || has_rows || is_public()) && by_access() >= admin) return by_access();
        if (has_rows) return std::max(as_collaborator(), user_.teams.unit_mode);
        if (user_.collaborates) return by_access();
        return is_public() ? read : none;
    }

    [[nodiscard]] ForgeMode of_organization_since_1_24() const {
        const ForgeMode as_public = is_public() ? read : none;
        const ForgeMode most = std::max(by_access(), as_public);
        if (user_.teams.count == 0) return std::max(most, without_login());
        if (most >= admin) return most;
        return std::max({user_.collaborates ? most : none, as_public, user_.teams.unit_mode});
    }

    const ForgeRules& rules_;
    ForgeUnit unit_;
    const ForgeUser& user_;
    const ForgeRepository& repository_;
};

bool needs_second_factor(const ForgeRules& rules, const ForgeUser& user) {
    const bool demanded = rules.two_factor == TwoFactorDemand::all ||
                          (rules.two_factor == TwoFactorDemand::admin && user.is_admin);
    return demanded && user.type == forge_values::person && !user.has_second_factor;
}

// What keeps the account itself from everything, whatever it asks for.
std::optional<Deny> refuse_account(const ForgeRules& rules, const std::optional<ForgeUser>& user) {
    if (!user) return Deny{messages::withdrawn(), Rule::suspended};
    if (!user->is_active || user->prohibit_login) return Deny{messages::suspended(), Rule::suspended};
    if (needs_second_factor(rules, *user)) {
        return Deny{messages::second_factor_required(forge_title(rules.kind), rules.root_url),
                    Rule::second_factor_required};
    }
    return std::nullopt;
}

// Public repositories are read without a look at their units. It is a rule of the forges' SSH alone.
bool is_read_by_all(const ForgeRules& rules, const ForgeAsker& asker, const ForgeRepository& repository) {
    const bool restricted = match(
        asker, [](const std::optional<ForgeUser>& user) { return user && user->is_restricted; },
        [](const std::optional<ForgeDeployKey>&) { return false; });
    return !repository.is_private && repository.owner.visibility != forge_values::hidden_owner &&
           !restricted && !rules.require_signin;
}

std::optional<Deny> refuse_state(const ForgeRepository& repository) {
    const RepoPath& path = repository.path;
    if (!repository.owner.is_organization() && !repository.owner.is_active)
        return Deny{messages::owner_disabled(path), Rule::owner_disabled};
    if (repository.status == forge_values::being_created)
        return Deny{messages::being_created(path), Rule::being_created, ExitStatus::unavailable};
    if (repository.status == forge_values::broken) return Deny{messages::broken(path), Rule::broken};
    return std::nullopt;
}

Deny refuse_write(const ForgeAsker& asker, const ForgeRepository& repository) {
    return match(
        asker,
        [&](const std::optional<ForgeUser>& user) {
            return Deny{messages::write_denied(repository.path, user->name), Rule::no_write_access};
        },
        [&](const std::optional<ForgeDeployKey>&) {
            return Deny{messages::write_denied(repository.path, "deploy key"), Rule::read_only_deploy_key};
        });
}

// The asker, once it is known that there is one.
ForgeMode mode_of(const ForgeRules& rules, ForgeUnit unit, const ForgeAsker& asker,
                  const ForgeRepository& repository) {
    return match(
        asker,
        [&](const std::optional<ForgeUser>& user) { return forge_mode(rules, unit, *user, repository); },
        [](const std::optional<ForgeDeployKey>& key) { return key->mode; });
}

Rule rule_of(const ForgeAsker& asker, const ForgeRepository& repository) {
    return match(
        asker,
        [&](const std::optional<ForgeUser>& user) {
            return user->id == repository.owner.id ? Rule::owner : Rule::forge_access;
        },
        [](const std::optional<ForgeDeployKey>&) { return Rule::deploy_key; });
}

}  // namespace

ForgeMode forge_mode(const ForgeRules& rules, ForgeUnit unit, const ForgeUser& user,
                     const ForgeRepository& repository) {
    return ForgeAccess(rules, unit, user, repository).mode();
}

Decision decide_forge(const ForgeRules& rules, const ForgeQuestion& question, const ForgeAsker& asker,
                      const std::optional<ForgeRepository>& repository) {
    const auto* user = std::get_if<std::optional<ForgeUser>>(&asker);
    if (user != nullptr) {
        if (auto deny = refuse_account(rules, *user)) return std::move(*deny);
    }
    if (!repository) return hide(Rule::no_such_repository);
    if (user == nullptr && !std::get<std::optional<ForgeDeployKey>>(asker))
        return hide(Rule::other_repository);
    const ForgeMode mode = mode_of(rules, question.unit, asker, *repository);
    const bool read_by_all = is_read_by_all(rules, asker, *repository);
    if (mode < read && !read_by_all) return hide(Rule::no_read_access);
    // From here on it is no secret that there is such a repository.
    if (auto deny = refuse_state(*repository)) return std::move(*deny);
    if (needs_write(question.service)) {
        if (repository->is_mirror) return Deny{messages::mirror(repository->path), Rule::mirror};
        if (repository->is_archived) return Deny{messages::archived(repository->path), Rule::archived};
        const bool hooks_decide = rules.readers_push && user != nullptr &&
                                  question.service == Service::receive_pack &&
                                  question.unit == ForgeUnit::code;
        if (mode < (hooks_decide ? read : write)) return refuse_write(asker, *repository);
    }
    const bool has_unit = repository->unit && !rules.disables(question.unit);
    if (question.unit == ForgeUnit::wiki && !has_unit)
        return Deny{messages::wiki_disabled(repository->path), Rule::wiki_disabled};
    return Allow{mode < read ? Rule::public_read : rule_of(asker, *repository)};
}

Decision decide_forge_anonymously(const ForgeRules& rules, ForgeUnit unit,
                                  const std::optional<ForgeRepository>& repository) {
    if (!repository) return hide(Rule::no_such_repository);
    const bool is_open = !repository->is_private && !rules.require_signin && !rules.force_private &&
                         repository->owner.visibility == forge_values::visible_to_all;
    if (!is_open || !repository->unit || rules.disables(unit)) return hide(Rule::no_read_access);
    if (refuse_state(*repository)) return hide(Rule::disabled);
    return Allow{Rule::public_read};
}

}  // namespace gerve

#include "authz/policy.h"

#include <algorithm>

namespace gerve {
namespace {

Deny hidden(Rule because) {
    return {messages::repository_not_found(), because};
}

Reach reach_of_user(const User& user, const Repository& repository, const Permission& permission) {
    if (user.id == repository.owner) return {Access::admin, Rule::owner};
    const Access strongest = permission.strongest();
    if (strongest == Access::none) {
        return repository.is_public ? Reach{Access::read, Rule::public_read}
                                    : Reach{Access::none, Rule::no_read_access};
    }
    if (permission.direct == strongest) return {strongest, Rule::collaborator};
    return {strongest, permission.team == strongest ? Rule::team : Rule::organization};
}

// An organisation's authority counts for its repositories alone, whatever else the user may do.
Reach reach_of_certified(const CertifiedUser& certified, const Repository& repository,
                         const Permission& permission) {
    const auto& organization = certified.certificate.organization;
    if (organization && *organization != repository.owner) return {Access::none, Rule::other_organization};
    return reach_of_user(certified.user, repository, permission);
}

Reach reach_of_deploy_key(const DeployKey& key, const Repository& repository) {
    if (key.repo_id != repository.id) return {Access::none, Rule::other_repository};
    return {key.can_write ? Access::write : Access::read, Rule::deploy_key};
}

Deny refuse_write(const Principal& principal, const Repository& repository) {
    return match(
        principal.holder(),
        [&](const SomeUser auto& user) {
            return Deny{messages::write_denied(repository.path, as_user(user).login.text()),
                        Rule::no_write_access};
        },
        [&](const SomeDeployKey auto&) {
            return Deny{messages::write_denied(repository.path, "deploy key"), Rule::read_only_deploy_key};
        });
}

}  // namespace

Reach reach_of(const KeyHolder& holder, const Repository& repository, const Permission& permission) {
    if (is_suspended(holder)) return {Access::none, Rule::suspended};
    if (repository.disabled) return {Access::none, Rule::disabled};
    return match(
        holder, [&](const User& user) { return reach_of_user(user, repository, permission); },
        [&](const DeployKey& key) { return reach_of_deploy_key(key, repository); },
        // Where a key is shared, the rules are another program's: authz/forge_policy.
        [](const SharedDeployKey&) {
            return Reach{Access::none, Rule::other_repository};
        },
        [&](const CertifiedUser& certified) {
            return reach_of_certified(certified, repository, permission);
        });
}

Access access_now(Access access, const Repository& repository) {
    return repository.archived ? std::min(access, Access::read) : access;
}

bool needs_permission(const Principal& principal, Service service,
                      const std::optional<Repository>& repository) {
    if (!repository || repository->disabled) return false;
    const bool asks = match(
        principal.holder(),
        [&](const SomeUser auto& some) {
            const User& user = as_user(some);
            return !user.suspended && user.id != repository->owner;
        },
        [](const SomeDeployKey auto&) { return false; });
    return asks && (!repository->is_public || needs_write(service));
}

Decision decide(const Principal& principal, Service service, const std::optional<Repository>& repository,
                const Permission& permission) {
    if (is_suspended(principal.holder())) return Deny{messages::suspended(), Rule::suspended};
    if (!repository) return hidden(Rule::no_such_repository);
    const Reach reach = reach_of(principal.holder(), *repository, permission);
    if (reach.access < Access::read) return hidden(reach.because);
    if (!needs_write(service)) return Allow{reach.because};
    if (reach.access < Access::write) return refuse_write(principal, *repository);
    if (access_now(reach.access, *repository) < Access::write)
        return Deny{messages::archived(repository->path), Rule::archived};
    return Allow{reach.because};
}

Decision decide_anonymous(const std::optional<Repository>& repository) {
    if (!repository) return hidden(Rule::no_such_repository);
    if (repository->disabled) return hidden(Rule::disabled);
    if (!repository->is_public) return hidden(Rule::no_read_access);
    return Allow{Rule::public_read};
}

}  // namespace gerve

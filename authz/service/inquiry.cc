#include "authz/service/inquiry.h"

#include "authz/policy.h"
#include "authz/service/inquiry_forge.h"
#include "authz/store/records.h"

namespace gerve {
namespace {

std::string describe_repository(const std::optional<Repository>& repository) {
    if (!repository) return "missing";
    std::string text = "repository " + std::to_string(number_of(repository->id)) + ", " +
                       repository->path.text() + (repository->is_public ? ", public" : ", private");
    if (repository->kind != RepositoryKind::git) text += ", " + std::string(kind_name(repository->kind));
    if (repository->moved) text += ", found by an old name";
    if (repository->archived) text += ", archived";
    if (repository->disabled) text += ", disabled";
    return text;
}

std::string describe_permission(const Permission& permission) {
    if (permission.strongest() == Access::none) return "none";
    std::string text;
    const auto add = [&](std::string_view way, Access access) {
        if (access == Access::none) return;
        text += (text.empty() ? "" : ", ") + std::string(access_name(access)) + " " + std::string(way);
    };
    add("granted directly", permission.direct);
    add("by a team", permission.team);
    add("as an owner of the organisation", permission.organization);
    return text;
}

std::string describe_route(const std::optional<Route>& route) {
    if (!route) return "missing: set it with `gerve route set OWNER SERVER`";
    std::string text = "server " + route->server.text() + " at";
    for (const Endpoint& endpoint : route->endpoints) text += " " + endpoint.text();
    return text;
}

void note(std::vector<Fact>* facts, Query query, const std::string& asked, std::string answer) {
    if (facts != nullptr) facts->push_back({query, asked, std::move(answer)});
}

// A git daemon knows nothing but fetching.
bool serves(const Endpoint& endpoint, Service service) {
    return endpoint.kind() != Endpoint::Kind::git_daemon || service == Service::upload_pack;
}

// For what is allowed: where it goes, or that nothing there serves it.
Result<void> add_route(Directory& directory, Service service, Inquiry& inquiry, std::vector<Fact>* facts) {
    if (!allowed(inquiry.decision)) return {};
    const RepoPath& repo = inquiry.repository->path;
    auto route = directory.find_route(repo.owner());
    if (!route) return pass_on(route);
    note(facts, Query::route, repo.owner().text(), describe_route(*route));
    inquiry.route = std::move(*route);
    if (!inquiry.route || inquiry.route->endpoints.empty()) return {};
    auto& endpoints = inquiry.route->endpoints;
    std::erase_if(endpoints, [&](const Endpoint& endpoint) { return !serves(endpoint, service); });
    if (!endpoints.empty()) return {};
    Deny deny{messages::fetch_only(repo), Rule::fetch_only_server};
    if (is_lfs(service)) deny = {messages::no_lfs_there(repo), deny.because, ExitStatus::not_found};
    if (kind_of(service) == RepositoryKind::hg) deny.told = messages::no_hg_there(repo);
    inquiry.decision = std::move(deny);
    return {};
}

// The variables of a push that is allowed; for any other operation, none. An owner's decision needs no
// permission, and a deploy key's neither, but the statement may say what hooks need.
Result<void> add_hooks(Directory& directory, const Principal& principal, Inquiry& inquiry) {
    if (!allowed(inquiry.decision) || inquiry.service != Service::receive_pack) return {};
    const Repository& repository = *inquiry.repository;
    if (!inquiry.permission_asked && directory.permission_may_give_hooks()) {
        const User* user = user_of(principal.holder());
        auto found = directory.find_permission(user == nullptr ? std::nullopt : std::optional(user->id),
                                               repository, principal.key().id);
        if (!found) return pass_on(found);
        inquiry.permission = std::move(*found);
        inquiry.permission_asked = true;
    }
    for (const GivenHooks* given : {&repository.hooks, &std::as_const(inquiry).permission.hooks}) {
        if (!given->wrong.empty()) return unavailable(given->wrong + " (" + repository.path.text() + ")");
        if (auto added = inquiry.hooks.add(given->variables); !added)
            return unavailable(added.error().told + " (" + repository.path.text() + ")");
    }
    return {};
}

// For whoever may know that there is such a repository.
void check_kind(Service service, Inquiry& inquiry) {
    if (!inquiry.repository || inquiry.repository->kind == kind_of(service)) return;
    const Repository& repository = *inquiry.repository;
    inquiry.decision = Deny{messages::other_kind(repository.path, repository.kind), Rule::other_kind};
}

// Whoever may not even read it learns nothing of the policy. An operation that would write, and whose login
// may only read, reads.
void apply_policy(const Principal& principal, Service asked, const LoginFacts& login, Inquiry& inquiry) {
    if (!allowed(inquiry.decision) || !inquiry.repository->policy.asks_anything()) return;
    const auto judge = [&] {
        inquiry.verdicts = judge_login(inquiry.repository->path.owner(), inquiry.repository->policy,
                                       is_deploy_key(principal.holder()), inquiry.service, login);
        return find_failure(inquiry.verdicts);
    };
    const LoginVerdict* failure = judge();
    if (failure != nullptr && inquiry.service != asked) {
        inquiry.write_refusal = failure->told;
        inquiry.service = asked;
        failure = judge();
    }
    if (failure != nullptr) inquiry.decision = Deny{failure->told, failure->rule};
}

// Under an owner's own login nothing is hidden from them; but from an organisation that certifies them it is.
bool is_own_name(const Principal& principal, const RepoPath& repo) {
    const User* user = user_of(principal.holder());
    const CertificateFacts* certificate = certificate_of(principal.holder());
    if (certificate != nullptr && certificate->organization) return false;
    return user != nullptr && user->login.folded() == repo.owner().folded();
}

// A refusal that hides a repository costs the same statements as the one for a name that does not exist: by
// its name, by an old name, and for a user the permission, each once, whatever the first of them said. Where
// a statement costs a round trip, their number would say what the text does not. `permission_asked`: already.
Result<void> ask_the_rest(Directory& directory, const User* user, const RepoPath& repo,
                          const std::optional<Repository>& repository, bool permission_asked) {
    // A name that was not found, or found by an old name, has been looked up both ways.
    if (repository && !repository->moved) {
        if (auto redirect = directory.find_redirect(repo); !redirect) return pass_on(redirect);
    }
    if (user == nullptr || permission_asked) return {};
    const Repository nothing{RepoId{0}, repo, AccountId{0}};
    const auto permission = directory.find_permission(user->id, repository ? *repository : nothing);
    if (!permission) return pass_on(permission);
    return {};
}

// As inquire_anonymously(), without the route.
Result<Inquiry> inquire_without_login(Directory& directory, const RepoPath& repo) {
    auto repository = directory.find_repository(repo);
    if (!repository) return pass_on(repository);
    Decision decision = decide_anonymous(*repository);
    if (hides(decision)) {
        if (auto rest = ask_the_rest(directory, nullptr, repo, *repository, true); !rest)
            return pass_on(rest);
    }
    Inquiry inquiry{std::move(decision), std::move(*repository), std::nullopt, Service::upload_pack};
    if (!hides(inquiry.decision)) check_kind(Service::upload_pack, inquiry);
    return inquiry;
}

}  // namespace

bool hides(const Decision& decision) {
    const auto* deny = std::get_if<Deny>(&decision);
    return deny != nullptr &&
           (deny->because == Rule::suspended || deny->because == Rule::second_factor_required ||
            deny->told == messages::repository_not_found());
}

Result<Inquiry> inquire_access(Directory& directory, const Principal& principal, Service service,
                               const RepoPath& repo, std::vector<Fact>* facts) {
    if (directory.forge() != nullptr) return inquire_forge(directory, principal, service, repo, facts);
    auto repository = directory.find_repository(repo);
    if (!repository) return pass_on(repository);
    note(facts, Query::repository, repo.text(), describe_repository(*repository));

    Permission permission;
    Service decided = most_of(service);
    const bool asks_permission = needs_permission(principal, decided, *repository);
    if (asks_permission) {
        auto found =
            directory.find_permission(user_of(principal.holder())->id, **repository, principal.key().id);
        if (!found) return pass_on(found);
        permission = std::move(*found);
        note(facts, Query::permission, principal.name() + " on " + (*repository)->path.text(),
             describe_permission(permission));
    }
    Decision decision = decide(principal, decided, *repository, permission);
    std::string write_refusal;
    if (const auto* deny = std::get_if<Deny>(&decision); deny != nullptr && decided != service) {
        write_refusal = deny->told;
        decided = service;
        decision = decide(principal, service, *repository, permission);
    }
    if (hides(decision) && !is_own_name(principal, repo)) {
        auto rest = ask_the_rest(directory, user_of(principal.holder()), repo, *repository, asks_permission);
        if (!rest) return pass_on(rest);
    }
    Inquiry inquiry{std::move(decision), std::move(*repository), std::nullopt, decided,
                    std::move(write_refusal)};
    inquiry.permission = std::move(permission);
    inquiry.permission_asked = asks_permission;
    return inquiry;
}

Result<Inquiry> inquire_login(Directory& directory, const Principal& principal, Service service,
                              const RepoPath& repo, const LoginFacts& login, std::vector<Fact>* facts) {
    auto inquiry = inquire_access(directory, principal, service, repo, facts);
    if (!inquiry) return inquiry;
    if (!hides(inquiry->decision)) check_kind(service, *inquiry);
    apply_policy(principal, service, login, *inquiry);
    return inquiry;
}

Result<Inquiry> inquire(Directory& directory, const Principal& principal, Service service,
                        const RepoPath& repo, const LoginFacts& login, std::vector<Fact>* facts) {
    auto inquiry = inquire_login(directory, principal, service, repo, login, facts);
    if (!inquiry) return inquiry;
    if (auto found = add_route(directory, service, *inquiry, facts); !found) return pass_on(found);
    if (auto added = add_hooks(directory, principal, *inquiry); !added) return pass_on(added);
    return inquiry;
}

Result<Inquiry> inquire_anonymous_access(Directory& directory, const RepoPath& repo) {
    return directory.forge() != nullptr ? inquire_forge_anonymously(directory, repo)
                                        : inquire_without_login(directory, repo);
}

Result<Inquiry> inquire_anonymously(Directory& directory, const RepoPath& repo) {
    auto inquiry = inquire_anonymous_access(directory, repo);
    if (!inquiry) return inquiry;
    if (auto found = add_route(directory, Service::upload_pack, *inquiry, nullptr); !found)
        return pass_on(found);
    return inquiry;
}

}  // namespace gerve

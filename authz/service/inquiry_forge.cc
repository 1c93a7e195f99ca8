#include "authz/service/inquiry_forge.h"

#include "authz/forge_policy.h"
#include "authz/store/forge_schema.h"

namespace gerve {
namespace {

constexpr std::string_view wiki_suffix = ".wiki";

// What a client's path names: a repository's code, or its wiki.
struct Place {
    ForgeUnit unit = ForgeUnit::code;
    RepoPath path;  // without ".wiki"
};

Place place_of(const ForgeRules& rules, const RepoPath& repo) {
    const std::string& name = rules.folds_names() ? repo.name().folded() : repo.name().text();
    if (!name.ends_with(wiki_suffix)) return {ForgeUnit::code, repo};
    auto bare = RepoName::parse(std::string_view(name).substr(0, name.size() - wiki_suffix.size()));
    if (!bare) return {ForgeUnit::code, repo};
    return {ForgeUnit::wiki, RepoPath(repo.owner(), std::move(*bare))};
}

// Null: nothing was found.
const ForgeRepository* found(const std::optional<ForgeRepository>& repository) {
    return repository ? &*repository : nullptr;
}

struct ForgeAnswer {
    ForgeAsker asker;
    std::optional<ForgeRepository> repository;
};

Result<ForgeAsker> find_asker(Directory& directory, const Principal& principal, ForgeUnit unit,
                              const ForgeRepository* repository) {
    if (const User* user = user_of(principal.holder())) {
        auto facts = directory.find_forge_user(user->id, unit, repository);
        if (!facts) return pass_on(facts);
        return std::move(*facts);
    }
    auto key = directory.find_forge_deploy_key(principal.key().id, repository);
    if (!key) return pass_on(key);
    return std::move(*key);
}

std::string describe_forge_repository(const std::optional<ForgeRepository>& repository, ForgeUnit unit) {
    if (!repository) return "missing";
    std::string text = "repository " + std::to_string(repository->id) + ", " + repository->path.text() +
                       (repository->is_private ? ", private" : ", public");
    if (repository->moved) text += ", found by an old name";
    if (repository->is_archived) text += ", archived";
    if (repository->is_mirror) text += ", a mirror";
    if (repository->status != 0) text += ", status " + std::to_string(repository->status);
    if (!repository->unit) text += unit == ForgeUnit::code ? ", without code" : ", without a wiki";
    return text + ", owner's visibility " + std::to_string(repository->owner.visibility);
}

std::string describe_user(const ForgeUser& user, const std::string& mode) {
    std::string text = "mode " + mode;
    if (user.is_admin) text += ", an administrator of the forge";
    if (user.is_restricted) text += ", restricted";
    if (user.access) text += ", access " + std::to_string(*user.access);
    if (user.collaborates) text += ", a collaborator";
    if (user.is_member) text += ", a member of the organisation";
    if (user.teams.count > 0) {
        text += ", in " + std::to_string(user.teams.count) + " teams with access " +
                std::to_string(user.teams.authorize) + ", to the unit " +
                std::to_string(user.teams.unit_mode);
    }
    return text;
}

std::string describe_asker(const ForgeRules& rules, ForgeUnit unit, const ForgeAnswer& answer) {
    return match(
        answer.asker,
        [&](const std::optional<ForgeUser>& user) -> std::string {
            if (!user) return "there is no such user";
            if (!answer.repository) return "none";
            return describe_user(*user, std::to_string(forge_mode(rules, unit, *user, *answer.repository)));
        },
        [](const std::optional<ForgeDeployKey>& key) {
            return key ? "deploy key " + std::to_string(key->id) + ", mode " + std::to_string(key->mode)
                       : std::string("the repository does not accept the key");
        });
}

// Whom the forge's hooks take for the pusher; they go by the names that were asked for, unless these are old.
// SSH_ORIGINAL_COMMAND is grant's to add. Error: client, what no variable can hold.
Result<HookVariables> forge_hooks(const ForgeRules& rules, const Principal& principal, const Place& place,
                                  const ForgeAnswer& answer) {
    const ForgeRepository& repository = *answer.repository;
    const RepoPath& path = repository.moved ? repository.path : place.path;
    const std::string owner = rules.folds_names() ? path.owner().folded() : path.owner().text();
    const std::string name = rules.folds_names() ? path.name().folded() : path.name().text();
    HookVariables hooks;
    Result<void> outcome{};
    const auto put = [&](std::string_view variable, const std::string& value) {
        if (outcome) outcome = hooks.add(variable, value);
    };
    const auto put_pusher = [&](std::int64_t id, const std::string& who, const std::string& email,
                                std::int64_t deploy_key) {
        put("GITEA_PUSHER_ID", std::to_string(id));
        put("GITEA_PUSHER_NAME", who);
        put("GITEA_PUSHER_EMAIL", email);
        put("GITEA_DEPLOY_KEY_ID", std::to_string(deploy_key));
    };
    put("GITEA_REPO_USER_NAME", owner);
    put("GITEA_REPO_NAME", name);
    put("GITEA_REPO_IS_WIKI", place.unit == ForgeUnit::wiki ? "true" : "false");
    put("GITEA_REPO_ID", std::to_string(repository.id));
    put("GITEA_KEY_ID", std::to_string(number_of(principal.key().id)));
    put("GITEA_ROOT_URL", rules.root_url);
    match(
        answer.asker,
        [&](const std::optional<ForgeUser>& user) { put_pusher(user->id, user->name, user->email, 0); },
        [&](const std::optional<ForgeDeployKey>& key) {
            put_pusher(repository.owner.id, owner, repository.owner.email, key->id);
        });
    if (!outcome) return pass_on(outcome);
    return hooks;
}

// As the rest of authz knows repositories; a wiki is one of its own.
std::optional<Repository> as_repository(const std::optional<ForgeRepository>& forge, ForgeUnit unit) {
    if (!forge) return std::nullopt;
    const bool is_wiki = unit == ForgeUnit::wiki;
    auto name = RepoName::parse(forge->path.name().text() + std::string(is_wiki ? wiki_suffix : ""));
    if (!name) return std::nullopt;
    Repository repository{RepoId{forge->id}, RepoPath(forge->path.owner(), std::move(*name)),
                          AccountId{forge->owner.id}};
    repository.is_public = !forge->is_private;
    repository.archived = forge->is_archived || forge->is_mirror;
    repository.moved = forge->moved;
    repository.folded_on_disk = true;
    return repository;
}

// A decision that does not hide the repository names it. That of a wiki may not fit, when it was found by an
// old name.
Result<void> need_name(const Inquiry& inquiry, const RepoPath& repo) {
    if (inquiry.repository || hides(inquiry.decision)) return {};
    return unavailable(repo.text() + ": its name is too long");
}

// A name that was not found, or found by an old name, has been looked up both ways.
Result<void> ask_for_redirect(Directory& directory, const Place& place,
                              const std::optional<ForgeRepository>& repository) {
    if (!directory.forge()->rules.follows_redirects() || !repository || repository->moved) return {};
    if (auto redirect = directory.find_forge_redirect(place.unit, place.path); !redirect)
        return pass_on(redirect);
    return {};
}

void note_facts(std::vector<Fact>* facts, const ForgeRules& rules, const Principal& principal,
                const Place& place, const ForgeAnswer& answer) {
    if (facts == nullptr) return;
    facts->push_back(
        {Query::repository, place.path.text(), describe_forge_repository(answer.repository, place.unit)});
    facts->push_back({Query::permission, principal.name(), describe_asker(rules, place.unit, answer)});
}

}  // namespace

Result<Inquiry> inquire_forge(Directory& directory, const Principal& principal, Service service,
                              const RepoPath& repo, std::vector<Fact>* facts) {
    const ForgeRules& rules = directory.forge()->rules;
    const Place place = place_of(rules, repo);
    auto repository = directory.find_forge_repository(place.unit, place.path);
    if (!repository) return pass_on(repository);
    auto asker = find_asker(directory, principal, place.unit, found(*repository));
    if (!asker) return pass_on(asker);
    const ForgeAnswer answer{std::move(*asker), std::move(*repository)};
    note_facts(facts, rules, principal, place, answer);
    Decision decision = decide_forge(rules, {service, place.unit}, answer.asker, answer.repository);
    if (hides(decision)) {
        if (auto asked = ask_for_redirect(directory, place, answer.repository); !asked) return pass_on(asked);
    }
    const bool is_allowed = allowed(decision);
    Inquiry inquiry{std::move(decision), as_repository(answer.repository, place.unit), std::nullopt, service};
    if (auto named = need_name(inquiry, repo); !named) return pass_on(named);
    if (!is_allowed || service != Service::receive_pack) return inquiry;
    auto hooks = forge_hooks(rules, principal, place, answer);
    if (!hooks) return unavailable(repo.text() + ": " + hooks.error().told);
    inquiry.hooks = std::move(*hooks);
    return inquiry;
}

Result<Inquiry> inquire_forge_anonymously(Directory& directory, const RepoPath& repo) {
    const ForgeRules& rules = directory.forge()->rules;
    const Place place = place_of(rules, repo);
    auto repository = directory.find_forge_repository(place.unit, place.path);
    if (!repository) return pass_on(repository);
    Decision decision = decide_forge_anonymously(rules, place.unit, *repository);
    if (hides(decision)) {
        if (auto asked = ask_for_redirect(directory, place, *repository); !asked) return pass_on(asked);
    }
    Inquiry inquiry{std::move(decision), as_repository(*repository, place.unit), std::nullopt,
                    Service::upload_pack};
    if (auto named = need_name(inquiry, repo); !named) return pass_on(named);
    return inquiry;
}

}  // namespace gerve

#include "authz/service/self_service.h"

#include <algorithm>
#include <array>

#include "authz/base/display.h"
#include "authz/base/units.h"
#include "authz/certificate_rules.h"
#include "authz/service/inquiry.h"

namespace gerve {
namespace {

constexpr std::size_t most_keys = 200;

SelfAnswer refused(std::string text) {
    return {"", std::move(text), static_cast<int>(ExitStatus::refused)};
}

SelfAnswer tell_who(const Principal& principal) {
    const std::string who = match(
        principal.holder(), [](const SomeUser auto& user) { return as_user(user).login.text(); },
        [](const SharedDeployKey& key) {
            return "the deploy key \"" + displayed(key.title) + "\", which some repositories accept";
        },
        [](const DeployKey& key) {
            return "a deploy key of " + key.repo.text() +
                   (key.can_write ? ", which may read and push" : ", which may read");
        });
    std::string text = "You are " + who + ".\nYour key is " + principal.key().fingerprint.text() + ".\n";
    if (const CertificateFacts* certificate = certificate_of(principal.holder()))
        text += "Its certificate \"" + displayed(certificate->key_id) + "\", serial " +
                std::to_string(certificate->serial) + ", was signed by " + certificate->authority_key.text() +
                " and is valid until " + validity_text(certificate->expires) + ".\n";
    return {std::move(text), "", 0};
}

std::string state_of(const OwnKey& key, UnixMillis now) {
    if (key.revoked) return "revoked " + time_text(*key.revoked);
    if (!key.expires) return "live";
    return (*key.expires <= now ? "expired " : "live until ") + time_text(*key.expires);
}

// Columns as wide as they need to be, but for the last.
std::string table_of(const std::vector<std::array<std::string, 5>>& rows) {
    std::array<std::size_t, 4> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
        }
        text += row[4];
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

Result<SelfAnswer> tell_keys(Directory& directory, const Principal& principal, UnixMillis now) {
    // Whoever has a deploy key or a certificate has that one; who else has some is none of its business.
    const auto account = match(
        principal.holder(), [](const User& user) { return std::optional(user.id); },
        [](const SomeDeployKey auto&) { return std::optional<AccountId>(); },
        [](const CertifiedUser&) { return std::optional<AccountId>(); });
    if (!account) return tell_who(principal);
    const auto keys = directory.list_keys(*account, most_keys + 1);
    if (!keys && keys.error().kind == ErrorKind::client) {
        return refused(
            "ERROR: Another program manages the keys on this server, so Gerve cannot list them.\n");
    }
    if (!keys) return pass_on(keys);
    std::vector<std::array<std::string, 5>> rows{{"KEY", "STATE", "CREATED", "LAST USED", "TITLE"}};
    for (const OwnKey& key : *keys) {
        if (rows.size() > most_keys) break;
        const bool this_one = key.fingerprint == principal.key().fingerprint;
        rows.push_back({key.fingerprint.text() + (this_one ? " *" : ""), state_of(key, now),
                        time_text(key.created), key.last_used ? time_text(*key.last_used) : "never",
                        displayed(key.title)});
    }
    std::string text = table_of(rows) + "* the key you are using\n";
    if (keys->size() > most_keys) text += "There are more keys; these are the newest.\n";
    return SelfAnswer{std::move(text), "", 0};
}

std::string_view reason_of(Rule rule) {
    switch (rule) {
        case Rule::owner: return "you own it";
        case Rule::public_read: return "everybody may read it";
        case Rule::collaborator: return "access was given to you";
        case Rule::team: return "access was given to one of your teams";
        case Rule::organization: return "you are an owner of its organisation";
        case Rule::deploy_key: return "your key is one of its deploy keys";
        case Rule::no_write_access: return "you may only read it";
        case Rule::read_only_deploy_key: return "your key may only read it";
        case Rule::archived: return "it is archived and read-only";
        case Rule::other_organization:
            return "your certificate counts only for repositories of the organisation whose authority signed "
                   "it";
        case Rule::post_quantum_required: return "its organisation requires a post-quantum key exchange";
        case Rule::touch_required: return "its organisation requires a security key that is touched";
        case Rule::pin_required: return "its organisation requires a security key with a PIN";
        case Rule::forge_access: return "access was given to you";
        case Rule::mirror: return "it is a mirror and read-only";
        case Rule::owner_disabled: return "the account of its owner is disabled";
        case Rule::being_created: return "it is still being created";
        case Rule::broken: return "its migration has failed";
        case Rule::wiki_disabled: return "the wiki is disabled";
        case Rule::fetch_only_server: return "its file server is a git daemon, which only serves fetches";
        default: break;
    }
    return "you have no access";
}

Result<SelfAnswer> tell_why(Directory& directory, const Principal& principal, const SelfQuestion& question,
                            const LoginFacts& login) {
    const Service service = service_of(RepositoryKind::git, question.push);
    auto inquiry = inquire(directory, principal, service, *question.repo, login);
    if (!inquiry) return pass_on(inquiry);
    if (const auto* denied = std::get_if<Deny>(&inquiry->decision);
        denied != nullptr && denied->because == Rule::other_kind) {
        const Service fitting = service_of(inquiry->repository->kind, question.push);
        inquiry = inquire(directory, principal, fitting, *question.repo, login);
        if (!inquiry) return pass_on(inquiry);
    }
    const auto* deny = std::get_if<Deny>(&inquiry->decision);
    if (hides(inquiry->decision)) return refused(deny->told);
    const Rule because = std::visit([](const auto& decision) { return decision.because; }, inquiry->decision);
    const std::string name = inquiry->repository->path.text();
    std::string text =
        inquiry->repository->moved ? question.repo->text() + " has moved to " + name + ".\n" : "";
    text += std::string(deny == nullptr ? "You may " : "You may not ") +
            (question.push ? "push to " : "read ") + name + ": " + std::string(reason_of(because)) +
            " (rule " + std::string(rule_name(because)) + ").\n";
    if (deny != nullptr) return SelfAnswer{std::move(text), "", static_cast<int>(deny->exit)};
    if (inquiry->route && !inquiry->route->endpoints.empty()) return SelfAnswer{std::move(text), "", 0};
    // What git would be told, behind what is known.
    return SelfAnswer{text + "But no file server is set for " + inquiry->repository->path.owner().text() +
                          ": ask the operator.\n",
                      messages::cannot_check(), static_cast<int>(ExitStatus::unavailable)};
}

}  // namespace

Result<SelfAnswer> answer_self(Directory& directory, const Principal& principal, const SelfQuestion& question,
                               const LoginFacts& login, UnixMillis now) {
    if (is_suspended(principal.holder())) return refused(messages::suspended());
    switch (question.kind) {
        case SelfQuestion::Kind::whoami: return tell_who(principal);
        case SelfQuestion::Kind::keys: return tell_keys(directory, principal, now);
        case SelfQuestion::Kind::why: break;
    }
    return tell_why(directory, principal, question, login);
}

}  // namespace gerve

#include "authz/service/authorizer.h"

#include "authz/audit/operator.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/service/grant.h"
#include "authz/service/inquiry.h"
#include "authz/service/self_service.h"
#include "authz/service/shadow.h"
#include "authz/service/sshd_session.h"
#include "authz/wire/session_log.h"

namespace gerve {
namespace {

const RepoPath* found_by(const Inquiry& inquiry) {
    return inquiry.repository ? &inquiry.repository->path : nullptr;
}

PeerKind given_to(PeerKind kind) {
    return kind == PeerKind::forced_command ? PeerKind::authorized_keys : kind;
}

// A worker looks its keys up again. The forced command of an sshd cannot: a later operation on the connection
// comes with the handle of the login, and with processes that show that it is the same connection.
bool holds_still(const Handle& handle, const Asker& asker) {
    const std::chrono::milliseconds age(monotonic_now() - handle.issued);
    if (age.count() < 0) return false;
    if (handle.given_to == PeerKind::worker) return age <= worker_handle_life;
    if (age <= sshd_handle_life) return true;
    const auto session = find_sshd_session(asker.process);
    return session && began_with_handle(*session, age);
}

// What a worker saw of the login, or what sshd was told to insist on.
LoginFacts login_facts(const Handle& handle, const Asker& asker, const ClientContext& client) {
    if (asker.kind != PeerKind::worker) return {std::nullopt, true, handle.checked_by_sshd, true};
    return {client.key_exchange, true, client.security_key, false};
}

std::optional<Principal> proven(const Handle& handle, KnownKey key) {
    return Principal::make(Proof::from_sealed_handle(handle.key.fingerprint), std::move(key));
}

std::string_view word(bool yes, std::string_view if_yes, std::string_view if_no) {
    return yes ? if_yes : if_no;
}

// Who: the principal's name and key, or that there is none.
void log_decision(const Inquiry& inquiry, const RequestId& request, const std::string& who,
                  const std::string& key, Service service, const RepoPath& repo,
                  const ClientContext& client) {
    const Rule because = std::visit([](const auto& decision) { return decision.because; }, inquiry.decision);
    log::info("decision", {{"request", request.text()},
                           {"is", word(allowed(inquiry.decision), "allow", "deny")},
                           {"because", rule_name(because)},
                           {"who", who},
                           {"key", key},
                           {"service", service_name(service)},
                           {"repo", repo.text()},
                           {"server", inquiry.route ? inquiry.route->server.text() : ""},
                           {"addr", client.address},
                           {"door", door_name(client.door)}});
}

}  // namespace

// Nothing: authz's keys have changed since it was sealed, or it never was.
Result<std::optional<Handle>> Authorizer::open_handle(const std::string& text, const Asker& asker,
                                                      const ClientContext& client) {
    auto handle = signer_.seal.open(text);
    if (!handle) return std::nullopt;
    if (handle->given_to != given_to(asker.kind) ||
        handle->bound != binding(asker.kind, asker.user, client)) {
        return fail(ErrorKind::denied, "",
                    "the handle was given to another peer: key " + handle->key.fingerprint.text() +
                        ", bound to " + handle->bound);
    }
    return handle;
}

// Nothing: the key is live no more.
Result<std::optional<KnownKey>> Authorizer::key_of(const Handle& handle) {
    const std::chrono::milliseconds age(monotonic_now() - handle.issued);
    if (age.count() >= 0 && age <= worker_handle_life) return handle.key;
    return directory_->find_key_again(handle.key, unix_now());
}

// Nothing: too old to go by, or the key is live no more.
Result<std::optional<Principal>> Authorizer::principal_of(const Handle& handle, const Asker& asker) {
    if (!holds_still(handle, asker)) return std::nullopt;
    auto key = key_of(handle);
    if (!key) return pass_on(key);
    if (!*key) return std::nullopt;
    return proven(handle, std::move(**key));
}

Result<std::optional<KeyFound>> Authorizer::holder(const HolderRequest& request, const Asker& asker) {
    if (directory_ == nullptr) return no_connection();
    const auto handle = open_handle(request.handle, asker, request.client);
    if (!handle) return pass_on(handle);
    if (!*handle) return std::nullopt;
    auto key = key_of(**handle);
    if (!key) return pass_on(key);
    if (!*key) return std::nullopt;
    if (const auto told = proof_of(**key, "", asker, request.client)) audit_.record(*told);
    return KeyFound{std::move(**key), request.handle};
}

Result<Authorization> Authorizer::authorize(const AuthorizeRequest& request, const Asker& asker) {
    if (is_lfs(request.service) && !serves_lfs(signer_.lfs.mode, request.wants_token))
        return Refused{messages::no_lfs(lfs_command(request.wants_token)), ExitStatus::not_found,
                       Rule::lfs_off};
    if (directory_ == nullptr) return no_connection();
    const auto handle = open_handle(request.handle, asker, request.client);
    if (!handle) return pass_on(handle);
    if (!*handle) return StaleHandle{};
    const auto principal = principal_of(**handle, asker);
    if (!principal) return pass_on(principal);
    if (!*principal) return StaleHandle{};
    const bool wants_token = is_lfs(request.service) && request.wants_token;
    const auto look = wants_token ? inquire_login : inquire;
    const LoginFacts login = login_facts(**handle, asker, request.client);
    auto inquiry = look(*directory_, **principal, request.service, request.repo, login, nullptr);
    if (!inquiry) return pass_on(inquiry);
    if (shadow_ != nullptr) {
        shadow_->ask({request.request, (*principal)->key(), request.service, request.repo, login,
                      answer_of(*inquiry, user_of((*principal)->holder()))});
    }
    AuthorizeRequest decided = request;
    decided.service = inquiry->service;
    log_decision(*inquiry, request.request, (*principal)->name(), (*principal)->key().fingerprint.text(),
                 decided.service, request.repo, request.client);
    const KnownKey& key = (*principal)->key();
    const auto proof = proof_of(key, request.proven_as, asker, request.client);
    bool on_record = recorded(proof, {decided, key, inquiry->decision, found_by(*inquiry)});
    if (!on_record && decided.service != request.service) {
        // Reading goes on.
        decided.service = request.service;
        inquiry->write_refusal = messages::cannot_record(request.request);
        on_record = recorded(std::nullopt, {decided, key, inquiry->decision, found_by(*inquiry)});
    }
    if (const auto* deny = std::get_if<Deny>(&inquiry->decision)) {
        return Refused{deny->told, deny->exit, deny->because};
    }
    if (!on_record) {
        return Refused{messages::cannot_record(request.request), ExitStatus::unavailable, Rule::unrecorded};
    }
    if (wants_token) return grant_token(signer_, *inquiry, **principal, request);
    auto hooks = hook_variables(*inquiry, decided);
    if (!hooks) return pass_on(hooks);
    auto granted = grant(signer_, *inquiry,
                         {decided.service, request.repo, request.git_protocol, request.request,
                          hook_environment(**principal, *inquiry->repository, request), request.takes_report,
                          request.client, std::string(trim(inquiry->write_refusal)), std::move(*hooks)});
    if (auto* given = granted ? std::get_if<Granted>(&*granted) : nullptr;
        given != nullptr && decided.service != request.service)
        given->service = decided.service;
    return granted;
}

Result<Authorization> Authorizer::anonymous(const AnonymousRequest& request) {
    if (directory_ == nullptr) return no_connection();
    const auto inquiry = inquire_anonymously(*directory_, request.repo);
    if (!inquiry) return pass_on(inquiry);
    if (shadow_ != nullptr) {
        shadow_->ask({request.request, std::nullopt, Service::upload_pack, request.repo, LoginFacts{},
                      answer_of(*inquiry, nullptr)});
    }
    if (audit_.record(DecidedAnonymously{request, inquiry->decision, found_by(*inquiry)}))
        log_decision(*inquiry, request.request, "", "", Service::upload_pack, request.repo, request.client);
    if (const auto* deny = std::get_if<Deny>(&inquiry->decision)) {
        return Refused{deny->told, deny->exit, deny->because};
    }
    return grant(signer_, *inquiry,
                 {Service::upload_pack, request.repo, request.git_protocol, request.request,
                  hook_environment(*inquiry->repository, request.request, request.client, "git"),
                  request.takes_report, request.client});
}

// sshd verifies the signature before it starts the forced command, which asks but once.
std::optional<KeyProven> Authorizer::proof_of(const KnownKey& key, const std::string& proven_as,
                                              const Asker& asker, const ClientContext& client) {
    const bool by_sshd = asker.kind == PeerKind::forced_command;
    if (!by_sshd && proven_as.empty()) return std::nullopt;
    return KeyProven{client, by_sshd ? asker.user : proven_as, key.fingerprint.text(), &key};
}

// A push that is not on record does not happen; what happened instead is recorded when that is possible
// again.
bool Authorizer::recorded(const std::optional<KeyProven>& proof, const Decided& event) {
    if (!needs_write(event.request.service) || !allowed(event.decision)) {
        audit_.record(proof, event);
        return true;
    }
    if (audit_.insist(proof, event)) return true;
    audit_.count_unrecorded();
    const Decision denied = Deny{"", Rule::unrecorded, ExitStatus::unavailable};
    audit_.record(proof, Decided{event.request, event.key, denied, event.found});
    return false;
}

Result<void> Authorizer::proof(const ProofReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    if (!handle) return pass_on(handle);
    if (!*handle) return {};
    if (const auto told = proof_of((*handle)->key, report.login, asker, report.client)) audit_.record(*told);
    return {};
}

Result<void> Authorizer::change(const ChangeReport& report, const Asker& asker) {
    if (report.command.empty()) return audit_.probe();
    const std::string number = "uid " + std::to_string(asker.uid);
    return audit_.insist(AdminChange{asker.user.empty() ? number : asker.user, login_of(asker.process),
                                     report.command, report.arguments, report.failed, report.facts});
}

Result<SelfReply> Authorizer::self(const SelfRequest& request, const Asker& asker) {
    if (directory_ == nullptr) return no_connection();
    const auto handle = open_handle(request.handle, asker, request.client);
    if (!handle) return pass_on(handle);
    if (!*handle) return StaleHandle{};
    const auto principal = principal_of(**handle, asker);
    if (!principal) return pass_on(principal);
    if (!*principal) return StaleHandle{};
    auto answer = answer_self(*directory_, **principal, request.question,
                              login_facts(**handle, asker, request.client), unix_now());
    if (!answer) return pass_on(answer);  // it may be put again, and is recorded once
    if (const auto told = proof_of((*principal)->key(), "", asker, request.client)) audit_.record(*told);
    return std::move(*answer);
}

Result<void> Authorizer::report(const SessionReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    if (!handle) return pass_on(handle);
    if (!audit_.record(SessionEnded{report, *handle ? std::optional((*handle)->key) : std::nullopt}))
        return {};
    const std::string key = *handle ? (*handle)->key.fingerprint.text() : "?";
    std::vector<log::Field> fields{{"request", report.request.text()},
                                   {"addr", report.client.address},
                                   {"door", door_name(report.client.door)},
                                   {"key", key}};
    add_operation(fields, report);
    log::write(log::Level::info, "session end", fields);
    return {};
}

Result<void> Authorizer::pushed(const PushReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    if (!handle) return pass_on(handle);
    audit_.record(RefsPushed{report, *handle ? std::optional((*handle)->key) : std::nullopt});
    return {};
}

// Somebody whose handle is not good is a stranger.
void Authorizer::refusal(const RefusalReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    const bool known = handle && *handle;
    audit_.record(ClientRefused{report, known ? std::optional((*handle)->key) : std::nullopt});
}

std::vector<std::optional<Principal>> Authorizer::principals_of(const LiveNews& news, const Asker& asker) {
    std::vector<std::optional<Principal>> principals;
    for (const LiveEntry& entry : news.began) {
        const auto handle = open_handle(entry.handle, asker, entry.client);
        const bool good = handle && *handle;
        if (!good) log::warn("a live session has no valid handle", {{"session", entry.id}});
        principals.push_back(good ? proven(**handle, (*handle)->key) : std::nullopt);
    }
    return principals;
}

Result<void> Authorizer::ready() {
    if (directory_ == nullptr) return unavailable("no connection to the database");
    return directory_->answers();
}

}  // namespace gerve

#include "authz/service/authorizer.h"

#include "authz/audit/operator.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/service/inquiry.h"
#include "authz/service/self_service.h"
#include "authz/service/sshd_session.h"

namespace gerve {
namespace {

// What a handle holds for beside the kind of peer. sshd's handle passes from one process to another, which
// have the login name in common; a worker's stays on one SSH connection.
std::string binding(PeerKind kind, const std::string& login_name, const ClientContext& client) {
    return kind == PeerKind::worker ? "connection " + client.connection : "login " + login_name;
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

std::optional<Principal> proven(const Handle& handle, KnownKey key) {
    return Principal::make(Proof::from_sealed_handle(handle.key.fingerprint), std::move(key));
}

tl::unexpected<Error> no_connection() {
    return unavailable("there is no connection to the database");
}

std::string_view word(bool yes, std::string_view if_yes, std::string_view if_no) {
    return yes ? if_yes : if_no;
}

std::vector<NameValue> hook_environment(const Principal& principal, const Repository& repository,
                                        const AuthorizeRequest& request) {
    const User* user = principal.user();
    return {
        {"GERVE_USER", user != nullptr ? user->login.text() : "deploy-key"},
        {"GERVE_USER_ID", user != nullptr ? std::to_string(number_of(user->id)) : ""},
        {"GERVE_KEY", principal.key().fingerprint.text()},
        {"GERVE_REPO", repository.path.text()},
        {"GERVE_REQUEST_ID", request.request.text()},
        {"GERVE_REMOTE_ADDR", printable(request.client.address)},
        {"GERVE_PROTOCOL", "ssh"},
    };
}

Open make_open(const Principal& principal, const Repository& repository, const AuthorizeRequest& request,
               const ServerName& server) {
    Open open;
    open.service = request.service;
    open.owner = repository.path.owner().text();
    open.storage_path = repository.path.text() + ".git";
    if (request.git_protocol) open.git_protocol = request.git_protocol->text();
    open.request_id = request.request.bytes();
    open.time = unix_now();
    open.audience = server.text();
    open.env = hook_environment(principal, repository, request);
    open.repo_id = static_cast<std::uint64_t>(number_of(repository.id));
    return open;
}

// One for each endpoint that can serve this: a stock git daemon knows nothing but fetching.
std::vector<Destination> make_destinations(const TicketKey& key, const Route& route, Open open) {
    std::vector<Destination> destinations;
    for (const Endpoint& endpoint : route.endpoints) {
        const bool stock = endpoint.kind() == Endpoint::Kind::git_daemon;
        if (stock && open.service != Service::upload_pack) continue;
        open.nonce = random_bytes(16);
        destinations.push_back({route.server, endpoint, stock ? "" : encode_open(open, &key)});
    }
    return destinations;
}

Result<Authorization> grant(const TicketKey& key, const Principal& principal, const Inquiry& inquiry,
                            const AuthorizeRequest& request) {
    const Repository& repository = *inquiry.repository;
    if (!inquiry.route) {
        return unavailable("no route for " + repository.path.owner().text() +
                           ": set it with `gerve route set OWNER SERVER`");
    }
    auto destinations = make_destinations(key, *inquiry.route,
                                          make_open(principal, repository, request, inquiry.route->server));
    if (destinations.empty()) {
        return unavailable("server " + inquiry.route->server.text() + " has no endpoint for " +
                           std::string(service_name(request.service)));
    }
    std::string notice = repository.moved ? messages::moved(request.repo, repository.path) : "";
    return Granted{repository.path, std::move(notice), std::get<Allow>(inquiry.decision).because,
                   std::move(destinations)};
}

void log_decision(const AuthorizeRequest& request, const Principal& principal, const Inquiry& inquiry) {
    const Rule because = std::visit([](const auto& decision) { return decision.because; }, inquiry.decision);
    log::info("decision", {{"request", request.request.text()},
                           {"is", word(allowed(inquiry.decision), "allow", "deny")},
                           {"because", rule_name(because)},
                           {"who", principal.name()},
                           {"key", principal.key().fingerprint.text()},
                           {"service", service_name(request.service)},
                           {"repo", request.repo.text()},
                           {"server", inquiry.route ? inquiry.route->server.text() : ""},
                           {"addr", request.client.address},
                           {"door", request.client.door}});
}

}  // namespace

Result<std::optional<KeyFound>> Authorizer::key(const KeyRequest& request, const Asker& asker) {
    if (directory_ == nullptr) return no_connection();
    auto known = directory_->find_key(request.key, unix_now());
    if (!known) return pass_on(known);
    log::debug("key", {{"is", word(request.proven, "proven", "offered")},
                       {"known", word(known->has_value(), "yes", "no")},
                       {"key", request.key.fingerprint().text()},
                       {"login", request.login},
                       {"addr", request.client.address},
                       {"client", request.client.version},
                       {"door", request.client.door}});
    if (!request.proven) {
        audit_.record(KeyOffered{request, *known});
    } else if (!request.again) {
        audit_.record(KeyProven{request.client, request.login, request.key.fingerprint().text(),
                                *known ? &**known : nullptr});
    }
    if (!*known) return std::nullopt;
    const Handle handle{**known, asker.kind, binding(asker.kind, request.login, request.client),
                        monotonic_now()};
    return KeyFound{std::move(**known), signer_.seal.seal(handle)};
}

// Nothing: authz's keys have changed since it was sealed, or it never was.
Result<std::optional<Handle>> Authorizer::open_handle(const std::string& text, const Asker& asker,
                                                      const ClientContext& client) {
    auto handle = signer_.seal.open(text);
    if (!handle) return std::nullopt;
    if (handle->given_to != given_to(asker.kind) ||
        handle->bound != binding(asker.kind, asker.user, client)) {
        return fail(ErrorKind::denied, "",
                    "a handle that was given to another, of " + handle->key.fingerprint.text() +
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
    note_proof(**key, "", asker, request.client);
    return KeyFound{std::move(**key), request.handle};
}

Result<Authorization> Authorizer::authorize(const AuthorizeRequest& request, const Asker& asker) {
    if (directory_ == nullptr) return no_connection();
    const auto handle = open_handle(request.handle, asker, request.client);
    if (!handle) return pass_on(handle);
    if (!*handle) return StaleHandle{};
    const auto principal = principal_of(**handle, asker);
    if (!principal) return pass_on(principal);
    if (!*principal) return StaleHandle{};
    const auto inquiry = inquire(*directory_, **principal, request.service, request.repo);
    if (!inquiry) return pass_on(inquiry);
    log_decision(request, **principal, *inquiry);
    const KnownKey& key = (*principal)->key();
    note_proof(key, request.proven_as, asker, request.client);
    const bool on_record = recorded(request, key, inquiry->decision);
    if (const auto* deny = std::get_if<Deny>(&inquiry->decision)) {
        return Refused{deny->told, deny->exit, deny->because};
    }
    if (!on_record) {
        return Refused{messages::cannot_record(request.request), ExitStatus::unavailable, Rule::unrecorded};
    }
    return grant(signer_.key, **principal, *inquiry, request);
}

// sshd verifies the signature before it starts the forced command, which asks but once.
void Authorizer::note_proof(const KnownKey& key, const std::string& proven_as, const Asker& asker,
                            const ClientContext& client) {
    const bool by_sshd = asker.kind == PeerKind::forced_command;
    if (!by_sshd && proven_as.empty()) return;
    audit_.record(KeyProven{client, by_sshd ? asker.user : proven_as, key.fingerprint.text(), &key});
}

// A push that is not on record does not happen; what happened instead is recorded when that is possible
// again.
bool Authorizer::recorded(const AuthorizeRequest& request, const KnownKey& key, const Decision& decision) {
    const Decided event{request, key, decision};
    if (request.service != Service::receive_pack || !allowed(decision)) {
        audit_.record(event);
        return true;
    }
    if (audit_.insist(event)) return true;
    audit_.count_unrecorded();
    audit_.record(Decided{request, key, Deny{"", Rule::unrecorded, ExitStatus::unavailable}});
    return false;
}

Result<void> Authorizer::proof(const ProofReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    if (!handle) return pass_on(handle);
    if (*handle) note_proof((*handle)->key, report.login, asker, report.client);
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
    note_proof((*principal)->key(), "", asker, request.client);
    auto answer = answer_self(*directory_, **principal, request.question, unix_now());
    if (!answer) return pass_on(answer);
    return std::move(*answer);
}

Result<void> Authorizer::report(const SessionReport& report, const Asker& asker) {
    const auto handle = open_handle(report.handle, asker, report.client);
    if (!handle) return pass_on(handle);
    const std::string key = *handle ? (*handle)->key.fingerprint.text() : "?";
    log::info("session end", {{"request", report.request.text()},
                              {"key", key},
                              {"service", report.service},
                              {"repo", report.repo},
                              {"server", report.server},
                              {"in", report.bytes_in},
                              {"out", report.bytes_out},
                              {"ms", report.duration_ms},
                              {"exit", report.exit},
                              {"ended", report.ended}});
    audit_.record(SessionEnded{report, *handle ? std::optional((*handle)->key) : std::nullopt});
    return {};
}

std::vector<std::optional<Principal>> Authorizer::principals_of(const LiveNews& news, const Asker& asker) {
    std::vector<std::optional<Principal>> principals;
    for (const LiveEntry& entry : news.began) {
        const auto handle = open_handle(entry.handle, asker, entry.client);
        const bool good = handle && *handle;
        if (!good) log::warn("a live session has no handle that is good", {{"session", entry.id}});
        principals.push_back(good ? proven(**handle, (*handle)->key) : std::nullopt);
    }
    return principals;
}

Result<void> Authorizer::ready() {
    if (directory_ == nullptr) return unavailable("no connection to the database");
    return directory_->answers();
}

}  // namespace gerve

// Authorizer's answers about keys: those that wait at the same time are answered together.
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/service/authorizer.h"
#include "authz/service/certificate_inquiry.h"

namespace gerve {
namespace {

void log_seen(const KeyRequest& request, bool known) {
    log::debug("key", {{"is", request.proven ? "proven" : "offered"},
                       {"known", known ? "yes" : "no"},
                       {"key", request.key.fingerprint().text()},
                       {"login", request.login},
                       {"addr", request.client.address},
                       {"client", request.client.version},
                       {"door", door_name(request.client.door)}});
}

// For the log and the trail.
std::string certificate_text(const Certificate& certificate) {
    return "\"" + printable(certificate.key_id()) + "\", serial " + std::to_string(certificate.serial()) +
           ", by " + certificate.authority().fingerprint().text();
}

}  // namespace

tl::unexpected<Error> Authorizer::no_connection() {
    return unavailable("there is no connection to the database");
}

// What a handle holds for beside the kind of peer. sshd's handle passes from one process to another, which
// have the login name in common; a worker's stays on one SSH connection.
std::string Authorizer::binding(PeerKind kind, const std::string& login_name, const ClientContext& client) {
    return kind == PeerKind::worker ? "connection " + client.connection : "login " + login_name;
}

std::vector<Result<std::optional<KeyFound>>> Authorizer::keys(std::span<const KeyAsked> asked) {
    using Found = Result<std::optional<KeyFound>>;
    if (directory_ == nullptr) return {asked.size(), Found(no_connection())};
    std::vector<const PublicKey*> keys;
    for (const KeyAsked& one : asked) keys.push_back(&one.request->key);
    auto known = directory_->find_keys(keys, unix_now());
    note_seen(asked, known);
    std::vector<Found> answers;
    answers.reserve(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (known[i])
            answers.emplace_back(answer(asked[i], std::move(*known[i])));
        else
            answers.emplace_back(pass_on(known[i]));
    }
    return answers;
}

// Before anybody is answered; what was proven goes into the trail together.
void Authorizer::note_seen(std::span<const KeyAsked> asked,
                           std::span<const Result<std::optional<KnownKey>>> known) {
    std::vector<KeyProven> proofs;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (!known[i]) continue;
        const KeyRequest& request = *asked[i].request;
        const std::optional<KnownKey>& key = *known[i];
        if (log::wants(log::Level::debug)) log_seen(request, key.has_value());
        if (!request.proven) {
            audit_.record(KeyOffered{request, key});
        } else if (!request.again) {
            const auto& fingerprint = key ? key->fingerprint : request.key.fingerprint();
            proofs.push_back({request.client, request.login, fingerprint.text(), key ? &*key : nullptr});
        }
    }
    audit_.record(proofs);
}

Result<std::optional<KeyFound>> Authorizer::answer(const KeyAsked& asked, std::optional<KnownKey> known) {
    if (!known) return std::nullopt;
    auto found = seal(std::move(*known), *asked.request, asked.asker);
    if (!found) return pass_on(found);
    return std::move(*found);
}

Result<KeyFound> Authorizer::seal(KnownKey key, const KeyRequest& request, const Asker& asker) {
    Handle handle{std::move(key), asker.kind, binding(asker.kind, request.login, request.client),
                  monotonic_now()};
    KeyFound found{handle.key, ""};
    if (asker.kind == PeerKind::authorized_keys && request.key.is_security_key()) {
        const auto checked = asked_of_sshd(handle.key, request.takes_options);
        if (!checked) return pass_on(checked);
        handle.checked_by_sshd = *checked;
        found.no_touch_required = !checked->touched();
        found.verify_required = checked->verified();
    }
    found.handle = signer_.seal.seal(handle);
    return found;
}

// Without options sshd insists on a touch.
Result<SecurityKeyUse> Authorizer::asked_of_sshd(const KnownKey& key, bool takes_options) {
    if (!takes_options) return SecurityKeyUse{SecurityKeyUse::user_present, 0};
    const auto strictest = directory_->find_strictest_policy(key.holder);
    if (!strictest) return pass_on(strictest);
    const bool verify = strictest->pin != AskedFor::nothing;
    const bool touch = !key.no_touch_required || strictest->touch != AskedFor::nothing || verify;
    SecurityKeyUse asked;
    if (touch) asked.flags |= SecurityKeyUse::user_present;
    if (verify) asked.flags |= SecurityKeyUse::user_verified;
    return asked;
}

// What the trail says of the key in a certificate that is offered, or proven.
void Authorizer::note_seen(const KeyRequest& request, const std::optional<KnownKey>& known) {
    if (log::wants(log::Level::debug)) log_seen(request, known.has_value());
    if (!request.proven) return audit_.record(KeyOffered{request, known});
    if (request.again) return;
    const KeyProven proof{request.client, request.login, request.key.fingerprint().text(),
                          known ? &*known : nullptr};
    audit_.record(proof);
}

Result<CertificateReply> Authorizer::certificate(const CertificateRequest& request, const Asker& asker) {
    if (directory_ == nullptr) return no_connection();
    const auto certificate = Certificate::parse_blob(request.certificate);
    if (!certificate) return CertificateUnknown{};
    const auto address = IpAddress::parse(request.client.address);
    const CertificateOrigin origin{address ? std::optional(*address) : std::nullopt,
                                   asker.kind == PeerKind::authorized_keys};
    auto inquiry = inquire_certificate(*directory_, *certificate, origin, unix_now());
    if (!inquiry) return pass_on(inquiry);
    const KeyRequest as_key{certificate->key(), request.login, request.proven,
                            request.client,     request.again, request.takes_options};
    note_seen(as_key, inquiry->key);
    if (inquiry->key) {
        auto found = seal(std::move(*inquiry->key), as_key, asker);
        if (!found) return pass_on(found);
        return std::move(*found);
    }
    if (!inquiry->is_signed) return CertificateUnknown{};
    const RuleVerdict& failure = *find_failure(inquiry->verdicts);
    return CertificateRefused{std::string(certificate_rule_name(failure.rule)),
                              certificate_text(*certificate) + ": " + failure.verdict.why, told_of(*inquiry)};
}

}  // namespace gerve

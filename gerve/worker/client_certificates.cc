// What a connection asks authz about a certificate, and what its client is told.
#include "authz/base/text.h"
#include "authz/model/certificate_options.h"
#include "gerve/worker/client_connection.h"

namespace gerve {

asio::awaitable<void> ClientConnection::look_up_certificate(const ssh::AuthAttempt& attempt) {
    const CertificateRequest question{attempt.certificate->blob(), attempt.user, false, client_};
    auto reply = co_await worker_.authz.ask(question);
    if (!reply) {
        last_lookup_.result = pass_on(reply);
        co_return;
    }
    last_lookup_.result = std::optional<KeyFound>();
    if (auto* found = std::get_if<KeyFound>(&*reply)) last_lookup_.result = std::optional(std::move(*found));
    if (auto* refused = std::get_if<CertificateRefused>(&*reply)) last_lookup_.refused = std::move(*refused);
}

// Its key is proven.
void ClientConnection::refuse_certificate(const ssh::AuthAttempt& attempt,
                                          const CertificateRefused& refused) {
    worker_.metrics.count_attempt(static_cast<std::size_t>(ssh::Refusal::certificate));
    note_refusal(name_of(ssh::Refusal::certificate), refused.rule + ": " + refused.why, attempt.user);
    if (!refused.told.empty()) connection_->show_banner(refused.told + "\r\n");
    connection_->refuse_attempt();
}

// Its key is proven, and its security key has been touched: whether it has verified its user as well, its
// signature alone tells.
bool ClientConnection::refuse_unverified(const ssh::AuthAttempt& attempt) {
    const Certificate& certificate = *attempt.certificate;
    if (!requires_verification(certificate) || (attempt.use && attempt.use->verified())) return false;
    const CertificateRefused refused{
        "critical-options",
        "\"" + printable(certificate.key_id()) + "\", serial " + std::to_string(certificate.serial()) +
            ": verify-required, and the security key did not verify its user",
        "The certificate is not accepted. It requires that the security key asks for a PIN or fingerprint "
        "(verify-required). Make the key with ssh-keygen -O verify-required."};
    refuse_certificate(attempt, refused);
    return true;
}

// Of the key, or of the certificate, that has logged in. Error besides those of asking: denied, telling the
// rule.
asio::awaitable<Result<std::optional<KeyFound>>> ClientConnection::look_up_again(bool was_told) {
    if (login_->certificate.empty()) {
        const KeyRequest question{login_->key, login_->user, true, client_, was_told};
        co_return co_await worker_.authz.ask(question);
    }
    const CertificateRequest question{login_->certificate, login_->user, true, client_, was_told};
    auto reply = co_await worker_.authz.ask(question);
    if (!reply) co_return pass_on(reply);
    if (auto* found = std::get_if<KeyFound>(&*reply)) co_return std::optional(std::move(*found));
    const auto* refused = std::get_if<CertificateRefused>(&*reply);
    if (refused != nullptr && !refused->told.empty())
        co_return fail(ErrorKind::denied, "ERROR: " + refused->told + "\n", refused->why);
    co_return std::optional<KeyFound>();
}

}  // namespace gerve

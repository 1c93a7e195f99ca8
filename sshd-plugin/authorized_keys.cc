#include "sshd-plugin/authorized_keys.h"

#include <algorithm>

#include "authz/base/text.h"
#include "sshd-plugin/command_line.h"

namespace gerve::sshd {
namespace {

constexpr std::size_t max_handle = 1024;    // bytes
constexpr std::size_t max_principal = 255;  // bytes

// "CLIENT-ADDRESS CLIENT-PORT SERVER-ADDRESS SERVER-PORT", as %C and SSH_CONNECTION have it.
std::string address_in(std::string_view connection) {
    const std::string_view address = connection.substr(0, connection.find(' '));
    return address.size() <= 64 && is_plain(address) ? std::string(address) : "";
}

Result<Offer> parse_key(const std::vector<std::string>& words, std::string_view blob) {
    auto key = PublicKey::parse_blob(blob);
    if (!key) return pass_on(key);
    if (key->algorithm() != words[1])
        return internal_error("sshd passed a key (%k) that does not match its type (%t)");
    return Offer{words[0], std::move(*key), ""};
}

Result<Offer> parse_certificate(const std::vector<std::string>& words, std::string_view blob) {
    auto certificate = Certificate::parse_blob(blob);
    if (!certificate) return pass_on(certificate);
    if (certificate->type() != words[1])
        return internal_error("sshd passed a certificate (%k) that does not match its type (%t)");
    PublicKey key = certificate->key();
    return Offer{words[0], std::move(key), "", std::move(*certificate)};
}

// What stands in front of the forced command. sshd demands that the certificate has a principal of the list;
// which of them the user is, authz has decided.
Result<std::string> authority_options(const Certificate& certificate) {
    const auto& principals = certificate.principals();
    if (principals.empty()) return "cert-authority,";
    const auto plain = std::find_if(principals.begin(), principals.end(), [](const std::string& one) {
        return one.size() <= max_principal && is_plain(one);
    });
    if (plain == principals.end())
        return client_error("it has no principal of 1 to " + std::to_string(max_principal) +
                            " letters, digits and /._+@:=-");
    return "cert-authority,principals=\"" + *plain + "\",";
}

bool is_about(const KeyFound& found, const Offer& offer) {
    const CertificateFacts* facts = certificate_of(found.key.holder);
    if (found.key.fingerprint != offer.key.fingerprint()) return false;
    if (!offer.certificate) return facts == nullptr;
    return facts != nullptr && facts->certificate == offer.certificate->fingerprint() &&
           facts->authority_key == offer.certificate->authority().fingerprint();
}

}  // namespace

Result<Offer> parse_offer(const std::vector<std::string>& words) {
    const auto blob = from_base64(words[2]);
    if (!blob) return internal_error("sshd passed a key (%k) that is not base64");
    auto offer = is_certificate_type(words[1]) ? parse_certificate(words, *blob) : parse_key(words, *blob);
    if (!offer) return offer;
    if (offer->key.fingerprint().text() != words[3]) {
        return internal_error(
            "sshd passed a fingerprint (%f) that does not match the key: FingerprintHash must be sha256");
    }
    if (words.size() > 4) offer->address = address_in(words[4]);
    return offer;
}

Result<std::string> make_line(const ForcedCommand& command, const KeyFound& found, const Offer& offer) {
    if (!is_about(found, offer)) return internal_error("authz answered for another key");
    if (found.handle.size() > max_handle || !from_base64(found.handle) || !is_plain(found.handle)) {
        return internal_error("authz sent an invalid handle");
    }
    std::string words = command.shell;
    if (!command.socket.empty()) words += " --socket " + command.socket;
    if (!command.notice.empty()) words += " --notice " + command.notice;
    for (const std::string* path : {&command.shell, &command.socket, &command.notice}) {
        if (!path->empty() && !is_plain(*path))
            return internal_error(*path + ": not allowed in a forced command");
    }
    const auto authority =
        offer.certificate ? authority_options(*offer.certificate) : Result<std::string>("");
    if (!authority) return pass_on(authority);
    std::string options = "restrict," + *authority;
    const bool security_key = offer.key.is_security_key();
    if (security_key && !offer.certificate && found.no_touch_required) options += "no-touch-required,";
    if (security_key && found.verify_required) options += "verify-required,";
    const PublicKey& key = offer.certificate ? offer.certificate->authority() : offer.key;
    return options + "command=\"" + words + " " + found.handle + "\" " + key.text() + "\n";
}

}  // namespace gerve::sshd

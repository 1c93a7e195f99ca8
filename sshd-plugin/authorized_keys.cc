#include "sshd-plugin/authorized_keys.h"

#include "authz/base/text.h"
#include "sshd-plugin/command_line.h"

namespace gerve::sshd {
namespace {

constexpr std::size_t max_handle = 1024;  // bytes

// "CLIENT-ADDRESS CLIENT-PORT SERVER-ADDRESS SERVER-PORT", as %C and SSH_CONNECTION have it.
std::string address_in(std::string_view connection) {
    const std::string_view address = connection.substr(0, connection.find(' '));
    return address.size() <= 64 && is_plain(address) ? std::string(address) : "";
}

}  // namespace

Result<Offer> parse_offer(const std::vector<std::string>& words) {
    const std::string& type = words[1];
    const auto blob = from_base64(words[2]);
    if (!blob) return internal_error("sshd passed a key (%k) that is not base64");
    auto key = PublicKey::parse_blob(*blob);
    if (!key) return pass_on(key);
    if (key->algorithm() != type)
        return internal_error("sshd passed a key (%k) that does not match its type (%t)");
    if (key->fingerprint().text() != words[3]) {
        return internal_error(
            "sshd passed a fingerprint (%f) that does not match the key: FingerprintHash must be sha256");
    }
    return Offer{words[0], std::move(*key), words.size() > 4 ? address_in(words[4]) : ""};
}

Result<std::string> make_line(const ForcedCommand& command, const KeyFound& found, const PublicKey& key) {
    if (found.key.fingerprint != key.fingerprint()) return internal_error("authz answered for another key");
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
    std::string options = "restrict,";
    if (key.is_security_key() && found.no_touch_required) options += "no-touch-required,";
    if (key.is_security_key() && found.verify_required) options += "verify-required,";
    return options + "command=\"" + words + " " + found.handle + "\" " + key.text() + "\n";
}

}  // namespace gerve::sshd

// Verification of SSH signatures (RFC 4253 section 6.6, RFC 5656 section 3.1.2, RFC 8332, RFC 8709, and
// PROTOCOL.u2f of OpenSSH) by OpenSSL.
#pragma once

#include <string_view>

#include "authz/base/ssh_fields.h"

namespace gerve {

// Whether a key of that type makes signatures of that name, as far as they are accepted: an RSA key those
// with SHA-2 (RFC 8332 section 3), not "ssh-rsa", which is SHA-1; every other key those that it is named
// after.
[[nodiscard]] constexpr bool signs_by(std::string_view key_type, std::string_view algorithm) {
    if (key_type != "ssh-rsa") return algorithm == key_type;
    return algorithm == "rsa-sha2-256" || algorithm == "rsa-sha2-512";
}

// The algorithm that a signature names; empty: it is malformed.
[[nodiscard]] inline std::string_view signature_algorithm_of(std::string_view signature) {
    FieldReader fields(signature);
    const auto name = fields.string();
    const auto bytes = fields.string();
    if (name && name->starts_with("sk-") && (!fields.byte() || !fields.number())) return {};
    return name && bytes && fields.at_end() ? *name : std::string_view();
}

// Whether `signature`, in SSH wire format, is one of the key `blob` over `data`. ssh-ed25519,
// ecdsa-sha2-nistp256/384/521, rsa-sha2-256 and rsa-sha2-512, and the security keys
// sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com (PROTOCOL.u2f of OpenSSH) where the user
// was present; by any other algorithm, SHA-1 among them, never.
[[nodiscard]] bool verify_ssh_signature(std::string_view blob, std::string_view signature,
                                        std::string_view data);

}  // namespace gerve

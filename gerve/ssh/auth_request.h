// AuthRequest: one request to log in (RFC 4252 section 5), taken apart before anything is spent on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "authz/model/certificate.h"
#include "authz/model/public_key.h"
#include "authz/model/security_key.h"
#include "gerve/ssh/ending.h"

namespace gerve::ssh {

// Everything in it is the client's word. A signature is there, of the key's kind and by the algorithm that
// was announced (RFC 8332 section 3.2); whether it is right is not known.
struct AuthRequest {
    std::string user;
    std::optional<PublicKey> key;              // none if `refusal` says why; of a certificate, the one in it
    std::optional<Certificate> certificate{};  // what was offered, if not the plain key; not judged
    bool has_signature = false;
    std::optional<SecurityKeyUse> use{};  // what a security key's signature attests, once it is verified
    bool by_webauthn = false;             // the algorithm is that of web browsers, which libssh does not know
    Refusal refusal = Refusal::none;
    std::string refusal_text;  // printable
};

// `payload`: of SSH_MSG_USERAUTH_REQUEST, behind the message number.
[[nodiscard]] AuthRequest parse_auth_request(std::string_view payload);

// ---- of requests by_webauthn, which parse_auth_request() has taken

// Whether the signature is right. `host_key`: the fingerprint of ours as the client was
// shown it, for a signature bound to it.
[[nodiscard]] bool verify_webauthn_request(std::string_view payload, std::string_view session_id,
                                           std::string_view host_key);
// The blob of its key; borrowed.
[[nodiscard]] std::string_view key_blob_in(std::string_view payload);
// The payload of the same request without a signature, by the algorithm that libssh knows for the key.
[[nodiscard]] std::string as_known_to_libssh(std::string_view payload);

}  // namespace gerve::ssh

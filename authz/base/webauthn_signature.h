// Signatures that a web browser has a security key make: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" of
// PROTOCOL.u2f of OpenSSH, and WebAuthn level 2 sections 5.8.1 and 6.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gerve {

inline constexpr std::string_view webauthn_algorithm = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

// What stands in one, borrowed from it.
struct WebauthnSignature {
    std::string_view ecdsa;  // r and s, as RFC 5656 has them
    std::uint8_t flags = 0;
    std::uint32_t counter = 0;
    std::string_view origin;       // of the web page: "https://git.example.org"
    std::string_view client_data;  // JSON, in the browser's own spelling
    std::string_view extensions;   // CBOR, not looked at

    // Nothing: malformed, or its flags contradict what it has.
    [[nodiscard]] static std::optional<WebauthnSignature> parse(std::string_view signature);
};

// Whether it is one over `data` by the sk-ecdsa-sha2-nistp256@openssh.com key `blob`. The challenge that the
// browser was given has to be `data` itself, and the origin the one that the signature names; which origin
// that is does not matter.
[[nodiscard]] bool verify_webauthn_signature(std::string_view blob, const WebauthnSignature& signature,
                                             std::string_view data);

}  // namespace gerve

// SecurityKeyUse: what a FIDO authenticator attests in each of its signatures.
#pragma once

#include <cstdint>

namespace gerve {

// Signed together with what is logged in by (PROTOCOL.u2f of OpenSSH; WebAuthn level 2 section 6.1).
struct SecurityKeyUse {
    static constexpr std::uint8_t user_present = 0x01;   // somebody touched it
    static constexpr std::uint8_t user_verified = 0x04;  // by PIN or fingerprint

    std::uint8_t flags = 0;
    std::uint32_t counter = 0;  // of its signatures; 0 from those that count none

    [[nodiscard]] bool touched() const { return (flags & user_present) != 0; }
    [[nodiscard]] bool verified() const { return (flags & user_verified) != 0; }
    friend bool operator==(const SecurityKeyUse&, const SecurityKeyUse&) = default;
};

}  // namespace gerve

// Points of elliptic curves that a public key claims to be: whether a signature by it would prove anything.
#pragma once

#include <string_view>

namespace gerve {

// Whether an uncompressed point (SEC 1 section 2.3.3) lies on the curve of that SSH name: "nistp256",
// "nistp384" or "nistp521".
[[nodiscard]] bool is_on_curve(std::string_view curve, std::string_view point);

// Whether 32 bytes encode a point of Curve25519 (edwards25519) whose order divides 8, in canonical form or
// not. Signatures by such a key verify that nobody made (RFC 8032 section 5.1.7 lets a verifier accept them).
[[nodiscard]] bool is_small_order(std::string_view point);

}  // namespace gerve

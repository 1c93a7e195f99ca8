// Which of SSH's key exchanges are post-quantum.
#pragma once

#include <string_view>

namespace gerve {

// Whether a computer that can break elliptic curves would still not learn the keys: the exchange has a part
// of ML-KEM or Streamlined NTRU Prime (draft-ietf-sshm-mlkem-hybrid-kex, draft-ietf-sshm-ntruprime-ssh).
[[nodiscard]] constexpr bool is_post_quantum(std::string_view key_exchange) {
    return key_exchange.starts_with("mlkem") || key_exchange.starts_with("sntrup761");
}

}  // namespace gerve

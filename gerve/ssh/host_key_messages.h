// The messages by which a server tells of its host keys and proves that it holds them: OpenSSH's file
// PROTOCOL, "hostkeys-00@openssh.com", and the reply of a key exchange (RFC 4253 section 8, RFC 5656 section
// 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gerve::ssh {

// Keys are blobs throughout (RFC 4253 section 6.6).

// The keys that a global request (payload behind the message number) wants to have proven. Nothing: it is
// another request, malformed, wants no reply, or names no key, one twice or more than 64.
[[nodiscard]] std::optional<std::vector<std::string>> parse_proof_request(std::string_view payload);

// What is signed to prove a key.
[[nodiscard]] std::string proof_input(std::string_view session_id, std::string_view key);

struct KeyExchangeReply {
    std::string host_key;
    std::string signature_algorithm;
};
// Of SSH_MSG_KEXDH_REPLY, SSH_MSG_KEX_ECDH_REPLY or SSH_MSG_KEX_DH_GEX_REPLY, behind the message number.
[[nodiscard]] std::optional<KeyExchangeReply> parse_key_exchange_reply(std::string_view payload);

}  // namespace gerve::ssh

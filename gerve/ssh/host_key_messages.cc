#include "gerve/ssh/host_key_messages.h"

#include <algorithm>

#include "authz/base/ssh_fields.h"

namespace gerve::ssh {
namespace {

constexpr std::string_view proof_request = "hostkeys-prove-00@openssh.com";
constexpr std::size_t most_keys = 64;

}  // namespace

std::optional<std::vector<std::string>> parse_proof_request(std::string_view payload) {
    FieldReader fields(payload);
    if (fields.string() != proof_request || fields.byte().value_or(0) == 0) return std::nullopt;
    std::vector<std::string> keys;
    while (!fields.at_end()) {
        const auto key = fields.string();
        if (!key || keys.size() == most_keys || std::find(keys.begin(), keys.end(), *key) != keys.end())
            return std::nullopt;
        keys.emplace_back(*key);
    }
    if (keys.empty()) return std::nullopt;
    return keys;
}

std::string proof_input(std::string_view session_id, std::string_view key) {
    std::string input;
    put_field(input, proof_request);
    put_field(input, session_id);
    put_field(input, key);
    return input;
}

std::optional<KeyExchangeReply> parse_key_exchange_reply(std::string_view payload) {
    FieldReader fields(payload);
    const auto host_key = fields.string();
    const auto ephemeral = fields.string();
    const auto signature = fields.string();
    if (!host_key || !ephemeral || !signature || !fields.at_end()) return std::nullopt;
    const auto algorithm = FieldReader(*signature).string();
    if (!algorithm) return std::nullopt;
    return KeyExchangeReply{std::string(*host_key), std::string(*algorithm)};
}

}  // namespace gerve::ssh

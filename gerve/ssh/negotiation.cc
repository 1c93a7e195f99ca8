#include "gerve/ssh/negotiation.h"

#include <array>
#include <cstdint>

#include "authz/base/ssh_fields.h"

namespace gerve::ssh {
namespace {

// "kex error : no match for method %s: server [%s], client [%s]", kex.c of libssh.
constexpr std::string_view no_match = "no match for method ";
constexpr std::string_view server_list = ": server [";

struct List {
    std::string_view libssh_name;  // its beginning
    EndReason reason;
    std::string_view name;
};
constexpr std::array<List, 5> lists{{
    {"kex algos", EndReason::no_key_exchange, "key exchange method"},
    {"server host key algo", EndReason::no_host_key, "host key algorithm"},
    {"encryption", EndReason::no_cipher, "cipher"},
    {"mac algo", EndReason::no_mac, "MAC"},
    {"compression algo", EndReason::no_compression, "compression method"},
}};

}  // namespace

Ending failed_negotiation(std::string_view error) {
    const auto begin = error.find(no_match);
    if (begin == std::string_view::npos) return {};
    error.remove_prefix(begin + no_match.size());
    const auto offer = error.find(server_list);
    const auto end = offer == std::string_view::npos ? offer : error.find(']', offer);
    if (end == std::string_view::npos) return {};
    const std::string_view offered =
        error.substr(offer + server_list.size(), end - offer - server_list.size());
    for (const List& list : lists) {
        if (!error.starts_with(list.libssh_name)) continue;
        return {list.reason, "No common " + std::string(list.name) +
                                 ". This server offers: " + std::string(offered) + ". Update the client."};
    }
    return {};
}

std::string plain_disconnect(std::string_view text) {
    constexpr std::uint32_t key_exchange_failed = 3;
    std::string payload(1, '\1');
    put_number(payload, key_exchange_failed);
    put_field(payload, text);
    put_field(payload, "");
    std::size_t padding = 8 - (5 + payload.size()) % 8;
    if (padding < 4) padding += 8;
    std::string packet;
    put_number(packet, static_cast<std::uint32_t>(1 + payload.size() + padding));
    packet += static_cast<char>(padding);
    return packet + payload + std::string(padding, '\0');
}

}  // namespace gerve::ssh

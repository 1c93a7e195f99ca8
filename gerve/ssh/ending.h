// Ending: why a connection ended, and why an attempt to log in was refused, each by a name that stays.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gerve::ssh {

// Why a connection ended. The names (name_of) are stable: logs, the audit trail and metrics use them.
enum class EndReason : std::uint8_t {
    open,             // it has not ended
    client_closed,    // closed or reset by the client, or the client sent SSH_MSG_DISCONNECT
    destroyed,        // given up on this side, without a word
    no_key_exchange,  // no algorithm in common in this list of RFC 4253 section 7.1
    no_host_key,
    no_cipher,
    no_mac,
    no_compression,
    protocol,  // the client broke the protocol: bad packet, wrong message, bad MAC
    login_timeout,
    too_many_keys,
    login_bytes,    // too many bytes before login
    login_packets,  // too many packets before login that make no request
    login_cpu,      // too much processor time before login, of this connection or its source
    service,        // asked for another service than ssh-userauth
    window,         // sent more than the receive window of a channel
    useless,        // too many packets that carry nothing
    too_many_channels,
    tiny_packets,  // sets a maximum packet size that is not worth serving
    idle,
    drained,  // this worker ends
    maintenance,
    withdrawn,  // the key, the account or the session was ended by an administrator
    internal,   // a fault on this side
    count       // of reasons; none itself
};

// Why an attempt to log in was refused before anybody was asked about its key.
enum class Refusal : std::uint8_t {
    none,         // it was not: the key is there, and it is for the server to say who it belongs to
    method_none,  // the "none" method, with which clients ask for the list of methods
    method_password,
    method_keyboard,  // keyboard-interactive
    method_hostbased,
    method_other,
    unknown_key_type,
    certificate,
    malformed,
    weak_key,            // RSA too short, or an exponent or a point that proves nothing
    sha1,                // signed, or offered to be signed, with "ssh-rsa"
    algorithm_mismatch,  // key, announced algorithm and signature do not belong together
    wrong_signature,
    untouched,  // a security key's signature, made without its user's presence
    count       // of reasons; none itself
};

// Lower-case words joined by hyphens, such as "no-common-cipher".
[[nodiscard]] std::string_view name_of(EndReason reason);
[[nodiscard]] std::string_view name_of(Refusal refusal);

// `text` is for people: what was told to the client, or what went wrong. Parts of it may come from the
// client.
struct Ending {
    EndReason reason = EndReason::open;
    std::string text;
};

}  // namespace gerve::ssh

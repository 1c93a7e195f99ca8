// The names that ssh.ciphers and ssh.key_exchanges may list. Metrics count logins by the same.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/toml.h"

namespace gerve {

// What libssh 0.12 has (KEY_EXCHANGE_SUPPORTED and the ciphers of its src/kex.c), by the names of RFC 4253
// and its successors. The libssh of a distribution may lack some, and mlkem1024nistp384-sha384 needs
// OpenSSL 3.5: libssh leaves out what it lacks.
constexpr std::array<std::string_view, 10> known_ciphers{"aes256-gcm@openssh.com",
                                                         "aes128-gcm@openssh.com",
                                                         "chacha20-poly1305@openssh.com",
                                                         "aes256-ctr",
                                                         "aes192-ctr",
                                                         "aes128-ctr",
                                                         "aes256-cbc",
                                                         "aes192-cbc",
                                                         "aes128-cbc",
                                                         "3des-cbc"};

constexpr std::array<std::string_view, 17> known_key_exchanges{"mlkem768x25519-sha256",
                                                               "mlkem768nistp256-sha256",
                                                               "mlkem1024nistp384-sha384",
                                                               "sntrup761x25519-sha512",
                                                               "sntrup761x25519-sha512@openssh.com",
                                                               "curve25519-sha256",
                                                               "curve25519-sha256@libssh.org",
                                                               "ecdh-sha2-nistp256",
                                                               "ecdh-sha2-nistp384",
                                                               "ecdh-sha2-nistp521",
                                                               "diffie-hellman-group18-sha512",
                                                               "diffie-hellman-group16-sha512",
                                                               "diffie-hellman-group-exchange-sha256",
                                                               "diffie-hellman-group14-sha256",
                                                               "diffie-hellman-group-exchange-sha1",
                                                               "diffie-hellman-group14-sha1",
                                                               "diffie-hellman-group1-sha1"};

// The list under that key, empty if there is none. A name that is not among the known becomes a problem:
// libssh would leave it out without a word.
[[nodiscard]] std::vector<std::string> read_algorithms(TomlTable& table, std::string_view key,
                                                       std::span<const std::string_view> known);

}  // namespace gerve

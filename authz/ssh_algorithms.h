// The names that ssh.ciphers and ssh.key_exchanges may list.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/toml.h"

namespace gerve {

// What libssh 0.12 has (KEY_EXCHANGE_SUPPORTED and the ciphers of its src/kex.c), by the names of RFC 4253
// and its successors. The libssh of a distribution may lack some, and mlkem1024nistp384-sha384 needs
// OpenSSL 3.5: libssh leaves out what it lacks.
[[nodiscard]] std::span<const std::string_view> known_ciphers();
[[nodiscard]] std::span<const std::string_view> known_key_exchanges();

// The list under that key, empty if there is none. A name that is not among the known becomes a problem:
// libssh would leave it out without a word.
[[nodiscard]] std::vector<std::string> read_algorithms(TomlTable& table, std::string_view key,
                                                       std::span<const std::string_view> known);

}  // namespace gerve

#include "authz/ssh_algorithms.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::array<std::string_view, 10> ciphers{"aes256-gcm@openssh.com",
                                                   "aes128-gcm@openssh.com",
                                                   "chacha20-poly1305@openssh.com",
                                                   "aes256-ctr",
                                                   "aes192-ctr",
                                                   "aes128-ctr",
                                                   "aes256-cbc",
                                                   "aes192-cbc",
                                                   "aes128-cbc",
                                                   "3des-cbc"};

constexpr std::array<std::string_view, 17> key_exchanges{"mlkem768x25519-sha256",
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

}  // namespace

std::span<const std::string_view> known_ciphers() {
    return ciphers;
}

std::span<const std::string_view> known_key_exchanges() {
    return key_exchanges;
}

std::vector<std::string> read_algorithms(TomlTable& table, std::string_view key,
                                         std::span<const std::string_view> known) {
    std::vector<std::string> names = table.texts(key);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (std::find(known.begin(), known.end(), names[i]) != known.end()) continue;
        table.complain(key, i,
                       "contains \"" + printable(names[i], 80) + "\", which is unknown; the known ones are " +
                           join({known.begin(), known.end()}, ", "));
    }
    return names;
}

}  // namespace gerve

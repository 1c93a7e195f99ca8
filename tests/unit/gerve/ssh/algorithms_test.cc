// The names that the configuration accepts are names of the libssh that is linked.
#include <doctest/doctest.h>
#include <openssl/opensslv.h>

#include "authz/ssh_algorithms.h"
#include "gerve/ssh/host_keys.h"
#include "gerve/ssh/server_identity.h"
#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

bool is_post_quantum(std::string_view name) {
    return name.starts_with("mlkem") || name.starts_with("sntrup");
}

}  // namespace

TEST_CASE("libssh has each algorithm that the configuration accepts, and no other passes alone") {
    const TemporaryDirectory directory;
    const auto key = make_host_key(directory.path, HostKeyType::ed25519, HostKeyRole::serving);
    REQUIRE(key.has_value());
    const auto accepts = [&](std::string_view key_exchange, std::string_view cipher) {
        SshConfig config;
        config.key_exchanges = {std::string(key_exchange)};
        config.ciphers = {std::string(cipher)};
        return ssh::ServerIdentity::load(config, {*key}).has_value();
    };
    const bool of_the_distribution = ssh::library_version().ends_with("of the distribution");
    for (const std::string_view name : known_key_exchanges) {
        CAPTURE(name);
        if (of_the_distribution && is_post_quantum(name)) continue;
        if (OPENSSL_VERSION_NUMBER < 0x30500000L && name.starts_with("mlkem1024")) continue;
        CHECK(accepts(name, "aes256-ctr"));
    }
    for (const std::string_view name : known_ciphers) {
        CAPTURE(name);
        CHECK(accepts("curve25519-sha256", name));
    }
    CHECK_FALSE(accepts("curve448-sha512", "aes256-ctr"));
    CHECK_FALSE(accepts("curve25519-sha256", "blowfish-ctr"));
}

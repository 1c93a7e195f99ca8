#include "gerve/ssh/server_identity.h"

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "authz/base/text.h"
#include "authz/base/version.h"
#include "gerve/ssh/host_keys.h"

namespace gerve::ssh {
namespace {

// Cheapest strong first: a client takes the first of its own list that the server has, so the order matters
// only to clients without a preference. sntrup761 costs 4.2 ms of CPU where curve25519 costs 0.5, and group14
// 3. group16 (17 ms) and group18 (113 ms) have to be asked for: they cost a client that leaves the arithmetic
// out nothing at all.
constexpr const char* default_key_exchanges =
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
    "mlkem768x25519-sha256,"
#endif
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
    "sntrup761x25519-sha512@openssh.com,"
#endif
    "diffie-hellman-group14-sha256";
constexpr const char* default_ciphers =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,"
    "aes128-ctr";
constexpr const char* macs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
constexpr const char* host_key_algorithms =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";
constexpr const char* user_key_algorithms =
    "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";

std::string joined(const std::vector<std::string>& names, const char* fallback) {
    return names.empty() ? fallback : join(names, ",");
}

Result<void> set_option(ssh_bind bind, ssh_bind_options_e option, const char* name, const void* value) {
    if (ssh_bind_options_set(bind, option, value) == SSH_OK) return {};
    return internal_error(std::string("libssh does not accept ") + name + ": " + ssh_get_error(bind));
}

Result<void> set_algorithms(ssh_bind bind, const SshConfig& config) {
    const std::string banner = "Gerve_" + std::string(version());
    const std::string key_exchanges = joined(config.key_exchanges, default_key_exchanges);
    const std::string ciphers = joined(config.ciphers, default_ciphers);
    struct Option {
        ssh_bind_options_e option;
        const char* name;
        const char* value;
    };
    for (const Option& option : {
             Option{SSH_BIND_OPTIONS_BANNER, "banner", banner.c_str()},
             Option{SSH_BIND_OPTIONS_KEY_EXCHANGE, "ssh.key_exchanges", key_exchanges.c_str()},
             Option{SSH_BIND_OPTIONS_CIPHERS_C_S, "ssh.ciphers", ciphers.c_str()},
             Option{SSH_BIND_OPTIONS_CIPHERS_S_C, "ssh.ciphers", ciphers.c_str()},
             Option{SSH_BIND_OPTIONS_HMAC_C_S, "MACs", macs},
             Option{SSH_BIND_OPTIONS_HMAC_S_C, "MACs", macs},
             Option{SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, "host key algorithms", host_key_algorithms},
             Option{SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, "user key algorithms", user_key_algorithms},
         }) {
        if (auto set = set_option(bind, option.option, option.name, option.value); !set) return set;
    }
    return {};
}

Result<void> import_host_key(ssh_bind bind, const std::string& file) {
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK) {
        return internal_error(file + ": not a host key that libssh can read");
    }
    if (auto set = set_option(bind, SSH_BIND_OPTIONS_IMPORT_KEY, file.c_str(), key); !set) {
        ssh_key_free(key);
        return set;
    }
    return {};
}

}  // namespace

std::string library_version() {
    const std::string version = ssh_version(0);  // "0.10.6/openssl/zlib"
    return version.substr(0, version.find('/'));
}

void ServerIdentity::Free::operator()(ssh_bind_struct* bind) const {
    ssh_bind_free(bind);
}

Result<ServerIdentity> ServerIdentity::load(const SshConfig& config,
                                            const std::vector<std::string>& host_keys) {
    if (ssh_version(SSH_VERSION_INT(0, 10, 6)) == nullptr) {
        return internal_error(std::string("libssh ") + ssh_version(0) +
                              " is too old: 0.10.6 or newer is needed");
    }
    if (host_keys.empty()) return internal_error("no host key: set ssh.host_keys");
    if (const auto problems = check_host_keys(host_keys); !problems.empty())
        return internal_error(problems.front());
    ServerIdentity identity(ssh_bind_new());
    ssh_bind bind = identity.bind();
    const bool process_config = false;
    if (auto set = set_option(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, "PROCESS_CONFIG", &process_config);
        !set) {
        return pass_on(set);
    }
    if (auto set = set_algorithms(bind, config); !set) return pass_on(set);
    for (const std::string& file : host_keys) {
        if (auto imported = import_host_key(bind, file); !imported) return pass_on(imported);
    }
    return identity;
}

}  // namespace gerve::ssh

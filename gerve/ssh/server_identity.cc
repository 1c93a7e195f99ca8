#include "gerve/ssh/server_identity.h"

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <algorithm>
#include <array>

#include "authz/base/ssh_fields.h"
#include "authz/base/ssh_signature.h"
#include "authz/base/text.h"
#include "authz/base/version.h"

struct ssh_signature_struct;

// Functions of libssh that its headers do not declare.
extern "C" {
ssh_signature_struct* pki_do_sign(ssh_key key, const unsigned char* input, std::size_t size, int digest);
int ssh_pki_export_signature_blob(ssh_signature_struct* signature, ssh_string* blob);
void ssh_signature_free(ssh_signature_struct* signature);
}

namespace gerve::ssh {
namespace {

// Post-quantum first, and of either kind the cheapest: a client takes the first of its own list that the
// server has, so the order matters only to clients without a preference. group16 (17 ms of CPU) and group18
// (113 ms) have to be asked for: they cost a client that leaves the arithmetic out nothing at all. libssh has
// the post-quantum ones from 0.12 on.
constexpr const char* default_key_exchanges =
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
    "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"
#endif
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
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

// What certificates are offered as, the best first, and what their keys sign by.
// "ssh-rsa-cert-v01@openssh.com" would be signed over SHA-1.
struct CertifiedAlgorithm {
    const char* algorithm;
    const char* signature_algorithm;
};
constexpr std::array<CertifiedAlgorithm, 6> certified_algorithms{{
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521"},
    {"rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"},
    {"rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256"},
}};

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

Result<ssh_key> import_host_key(const std::string& file) {
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
        return internal_error(file + ": not a host key that libssh can read");
    return key;
}

// enum ssh_digest_e of libssh, which its headers do not declare.
enum Digest { digest_of_the_algorithm = 0, digest_sha256 = 2, digest_sha384 = 3, digest_sha512 = 4 };

Digest digest_for(ssh_key key, std::string_view like) {
    switch (ssh_key_type(key)) {
        case SSH_KEYTYPE_ECDSA_P256: return digest_sha256;
        case SSH_KEYTYPE_ECDSA_P384: return digest_sha384;
        case SSH_KEYTYPE_ECDSA_P521: return digest_sha512;
        case SSH_KEYTYPE_RSA: return like == "rsa-sha2-256" ? digest_sha256 : digest_sha512;
        default: return digest_of_the_algorithm;
    }
}

}  // namespace

std::string library_version() {
    const std::string version = ssh_version(0);  // "0.10.6/openssl/zlib"
    return version.substr(0, version.find('/')) + GERVE_LIBSSH_ORIGIN;
}

void ServerIdentity::FreeKey::operator()(ssh_key_struct* key) const {
    ssh_key_free(key);
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
    ServerIdentity identity(ssh_bind_new());
    ssh_bind bind = identity.bind();
    const bool process_config = false;
    if (auto set = set_option(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, "PROCESS_CONFIG", &process_config);
        !set) {
        return pass_on(set);
    }
    if (auto set = set_algorithms(bind, config); !set) return pass_on(set);
    for (const std::string& file : host_keys) {
        if (auto taken = identity.take(file); !taken) return pass_on(taken);
    }
    if (auto taken = identity.take_certificates(config.host_certificates); !taken) return pass_on(taken);
    return identity;
}

Result<void> ServerIdentity::take_certificates(const std::vector<std::string>& files) {
    std::vector<PublicKey> keys;
    for (const HostKey& one : keys_) {
        auto key = PublicKey::parse_blob(one.blob);
        if (!key) return pass_on(key);
        keys.push_back(std::move(*key));
    }
    certificates_ = read_host_certificates(files, keys).usable;
    return {};
}

std::vector<std::string> ServerIdentity::announced() const {
    std::vector<std::string> fingerprints;
    for (const HostKey& one : keys_) fingerprints.push_back(Fingerprint::of_blob(one.blob).text());
    return fingerprints;
}

std::vector<CertificateOffer> ServerIdentity::offer_certificates(UnixMillis now) const {
    std::vector<CertificateOffer> offers;
    if (certificates_.empty()) return offers;
    std::vector<const Certificate*> chosen;
    for (const HostKey& key : keys_) {
        if (!key.serves) continue;
        const auto* one = choose_certificate(certificates_, key.blob, now);
        if (one != nullptr) chosen.push_back(&one->certificate);
    }
    for (const auto& [algorithm, signature_algorithm] : certified_algorithms) {
        for (const Certificate* one : chosen) {
            if (signs_by(one->key().algorithm(), signature_algorithm))
                offers.push_back({algorithm, signature_algorithm, one->blob()});
        }
    }
    return offers;
}

Fingerprint ServerIdentity::fingerprint_of(std::string_view shown) const {
    for (const HostCertificate& one : certificates_) {
        if (one.certificate.blob() == shown) return one.certificate.key().fingerprint();
    }
    return Fingerprint::of_blob(shown);
}

Result<void> ServerIdentity::take(const std::string& file) {
    const auto known = read_host_key(file);
    if (!known) return pass_on(known);
    if (find(known->blob()) != nullptr) return {};
    const auto key = import_host_key(file);
    if (!key) return pass_on(key);
    const HostKeyType type = type_of(*known);
    const bool serves =
        std::none_of(keys_.begin(), keys_.end(), [&](const HostKey& one) { return one.type == type; });
    keys_.push_back({known->blob(), type, serves, std::unique_ptr<ssh_key_struct, FreeKey>(*key)});
    put_field(announcement_, known->blob());
    if (!serves) return {};
    ssh_key served = ssh_key_dup(*key);
    if (served == nullptr) return internal_error("libssh: out of memory");
    auto set = set_option(bind(), SSH_BIND_OPTIONS_IMPORT_KEY, file.c_str(), served);
    if (!set) ssh_key_free(served);  // else it is libssh's
    return set;
}

const ServerIdentity::HostKey* ServerIdentity::find(std::string_view blob) const {
    const auto found =
        std::find_if(keys_.begin(), keys_.end(), [&](const HostKey& one) { return one.blob == blob; });
    return found == keys_.end() ? nullptr : &*found;
}

std::optional<std::string> ServerIdentity::sign(std::string_view key, std::string_view input,
                                                std::string_view like) const {
    const HostKey* found = find(key);
    if (found == nullptr) return std::nullopt;
    ssh_key signer = found->key.get();
    ssh_signature_struct* signature = pki_do_sign(
        signer, reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest_for(signer, like));
    if (signature == nullptr) return std::nullopt;
    ssh_string blob = nullptr;
    std::optional<std::string> bytes;
    if (ssh_pki_export_signature_blob(signature, &blob) == SSH_OK)
        bytes.emplace(static_cast<const char*>(ssh_string_data(blob)), ssh_string_len(blob));
    ssh_signature_free(signature);
    if (blob != nullptr) ssh_string_free(blob);
    return bytes;
}

}  // namespace gerve::ssh

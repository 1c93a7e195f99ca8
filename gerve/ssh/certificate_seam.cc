// Host certificates behind the seam. libssh knows them as host keys of servers, and has none as a server. It
// is led to offer them, to take their algorithm for that of the plain key, which signs, and to send the
// certificate where it would send the public half.
#include <libssh/libssh.h>

#include <cstring>
#include <string>

#include "gerve/ssh/libssh_string.h"
#include "gerve/ssh/seam.h"

namespace {

// Null: a plain algorithm.
const gerve::ssh::CertificateOffer* find_offer(const char* algorithm) {
    const gerve::ssh::Seam* seam = gerve::ssh::Seam::in_use();
    if (seam == nullptr || algorithm == nullptr) return nullptr;
    for (const auto& one : seam->certificates()) {
        if (std::strcmp(one.algorithm, algorithm) == 0) return &one;
    }
    return nullptr;
}

// The host key algorithms that a server of libssh is about to offer, and ours in front of them.
std::string with_certificates(int list, const char* names) {
    std::string all;
    const gerve::ssh::Seam* seam = gerve::ssh::Seam::in_use();
    if (seam != nullptr && list == SSH_HOSTKEYS) {
        for (const auto& one : seam->certificates()) all.append(one.algorithm).append(",");
    }
    return all + names;
}

}  // namespace

// Functions that are linked in place of libssh's own.
extern "C" {
// Before each key exchange. libssh has only one place for a list until 0.11.
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
int __real_ssh_options_set_algo(ssh_session session, int list, const char* names, char** place);
int __wrap_ssh_options_set_algo(ssh_session session, int list, const char* names, char** place);
int __wrap_ssh_options_set_algo(ssh_session session, int list, const char* names, char** place) {
    return __real_ssh_options_set_algo(session, list, with_certificates(list, names).c_str(), place);
}
#else
int __real_ssh_options_set_algo(ssh_session session, int list, const char* names);
int __wrap_ssh_options_set_algo(ssh_session session, int list, const char* names);
int __wrap_ssh_options_set_algo(ssh_session session, int list, const char* names) {
    return __real_ssh_options_set_algo(session, list, with_certificates(list, names).c_str());
}
#endif

// Once in each key exchange, of the host key algorithm that was agreed on.
int __real_ssh_key_type_from_signature_name(const char* name);
int __wrap_ssh_key_type_from_signature_name(const char* name);
int __wrap_ssh_key_type_from_signature_name(const char* name) {
    const auto* offer = find_offer(name);
    if (auto* seam = gerve::ssh::Seam::in_use(); seam != nullptr) seam->agree_on(offer);
    return __real_ssh_key_type_from_signature_name(offer == nullptr ? name : offer->signature_algorithm);
}

int __real_ssh_key_hash_from_name(const char* name);
int __wrap_ssh_key_hash_from_name(const char* name);
int __wrap_ssh_key_hash_from_name(const char* name) {
    const auto* offer = find_offer(name);
    return __real_ssh_key_hash_from_name(offer == nullptr ? name : offer->signature_algorithm);
}

// The host key of the reply and of the exchange hash (K_S of RFC 4253 section 8).
int __real_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob);
int __wrap_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob);
int __wrap_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob) {
    const gerve::ssh::Seam* seam = gerve::ssh::Seam::in_use();
    const auto* offer = seam == nullptr ? nullptr : seam->agreed_certificate();
    if (offer == nullptr) return __real_ssh_dh_import_next_pubkey_blob(session, blob);
    const auto certificate = gerve::ssh::make_libssh_string(offer->blob);
    return certificate ? __real_ssh_dh_import_next_pubkey_blob(session, certificate.get()) : SSH_ERROR;
}
}

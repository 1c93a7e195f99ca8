// Signatures bound to a host certificate (publickey-hostbound-v00@openssh.com), behind the seam: libssh 0.12
// compares the host key in them with a copy of the one that it sent, and cannot copy a certificate.
#include <libssh/libssh.h>

#include "gerve/ssh/libssh_string.h"
#include "gerve/ssh/seam.h"

// A function of libssh that its headers do not declare, and one that is linked in place of libssh's own.
extern "C" {
int ssh_pki_import_pubkey_blob(ssh_string blob, ssh_key* key);

int __real_ssh_get_server_publickey(ssh_session session, ssh_key* key);
int __wrap_ssh_get_server_publickey(ssh_session session, ssh_key* key);
int __wrap_ssh_get_server_publickey(ssh_session session, ssh_key* key) {
    const gerve::ssh::Seam* seam = gerve::ssh::Seam::in_use();
    const auto* offer = seam == nullptr ? nullptr : seam->agreed_certificate();
    if (offer == nullptr) return __real_ssh_get_server_publickey(session, key);
    const auto certificate = gerve::ssh::make_libssh_string(offer->blob);
    return certificate ? ssh_pki_import_pubkey_blob(certificate.get(), key) : SSH_ERROR;
}
}

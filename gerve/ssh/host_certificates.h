// Certificates of host keys (PROTOCOL.certkeys of OpenSSH): the checks that clients make, made when a
// certificate is loaded, and how long it has left.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "authz/model/certificate.h"
#include "authz/model/public_key.h"

namespace gerve {

struct HostCertificate {
    std::string file;
    Certificate certificate;
};

// A certificate that clients would accept for one of `host_keys` at some time and under some name: of kind
// host, with a principal, without critical options, signed by its authority and not by SHA-1. Its dates are
// not looked at: see state_of(). Errors: internal, naming the file and the remedy.
[[nodiscard]] Result<HostCertificate> read_host_certificate(const std::string& file,
                                                            const std::vector<PublicKey>& host_keys);

// As ssh.host_certificates lists them. One that is wrong leaves the others as they are.
struct HostCertificates {
    std::vector<HostCertificate> usable;
    std::vector<std::string> problems;  // of the files that are left out, with the remedy
};
[[nodiscard]] HostCertificates read_host_certificates(const std::vector<std::string>& files,
                                                      const std::vector<PublicKey>& host_keys);

enum class HostCertificateState {
    early,      // not valid yet
    valid,      //
    ends_soon,  // still valid: less than 14 days, and less than a third of its life, is left
    ended,
};
[[nodiscard]] HostCertificateState state_of(const Certificate& certificate, UnixMillis now);
// Only then is it offered to clients.
[[nodiscard]] inline bool is_valid(const Certificate& certificate, UnixMillis now) {
    const auto state = state_of(certificate, now);
    return state == HostCertificateState::valid || state == HostCertificateState::ends_soon;
}

// When it ends: "2027-01-31T12:00:00Z", or "the end of time".
[[nodiscard]] std::string end_text(const Certificate& certificate);

// What to do about a certificate that is not plainly valid, naming the file; empty: nothing.
[[nodiscard]] std::string advice_on(const HostCertificate& one, UnixMillis now);

// Whether another one of the same key in `all` is valid by the time this one ends, and ends later.
[[nodiscard]] bool is_replaced(const HostCertificate& one, const std::vector<HostCertificate>& all);

// The certificate that clients get for the host key with this blob: of those that are valid, the one that
// ends last. Borrowed from `all`; null: there is none.
[[nodiscard]] const HostCertificate* choose_certificate(const std::vector<HostCertificate>& all,
                                                        std::string_view host_key, UnixMillis now);

}  // namespace gerve

// inquire_certificate(): the one way from a certificate to the user that it stands for, or to the rule that
// refuses it; for a login and for `gerve explain` alike.
#pragma once

#include <optional>
#include <vector>

#include "authz/certificate_rules.h"
#include "authz/model/principal.h"
#include "authz/store/directory.h"

namespace gerve {

struct CertificateInquiry {
    std::optional<Authority> authority;
    bool is_signed = false;  // by the authority, which is known
    std::vector<RuleVerdict> verdicts;
    std::optional<KnownKey> key;  // of a certificate that counts
};

// Where a certificate comes from, as far as source-address depends on it.
struct CertificateOrigin {
    std::optional<IpAddress> address;  // nothing: not known
    // sshd refuses by source-address itself, and does not always tell its AuthorizedKeysCommand the address.
    bool sshd_checks_address = false;
};

// The directory is asked no more than its authority of what nobody known has signed. Error: unavailable.
[[nodiscard]] Result<CertificateInquiry> inquire_certificate(Directory& directory,
                                                             const Certificate& certificate,
                                                             const CertificateOrigin& origin, UnixMillis now);

// One line for whoever has proven the key of a certificate that a known authority signed; empty: nobody is
// told.
[[nodiscard]] std::string told_of(const CertificateInquiry& inquiry);

}  // namespace gerve

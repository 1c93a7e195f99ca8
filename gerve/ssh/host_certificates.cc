#include "gerve/ssh/host_certificates.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "authz/base/fd.h"
#include "authz/base/ssh_signature.h"
#include "authz/base/text.h"
#include "authz/certificate_rules.h"

namespace gerve {
namespace {

constexpr UnixMillis most_warning = std::chrono::milliseconds(std::chrono::hours(14 * 24)).count();

UnixMillis millis_from(std::uint64_t seconds) {
    constexpr std::uint64_t last = std::numeric_limits<UnixMillis>::max() / 1000;
    return seconds >= last ? never : static_cast<UnixMillis>(seconds * 1000);
}

const PublicKey* find_key(const std::vector<PublicKey>& keys, const PublicKey& key) {
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const PublicKey& one) { return one.blob() == key.blob(); });
    return found == keys.end() ? nullptr : &*found;
}

// As a clause behind the file's name; empty: nothing is wrong.
std::string fault_of(const Certificate& certificate, const std::vector<PublicKey>& host_keys) {
    if (certificate.kind() != Certificate::Kind::host)
        return "is a certificate for a user; sign the host key with `ssh-keygen -h`";
    if (find_key(host_keys, certificate.key()) == nullptr)
        return "certifies " + certificate.key().fingerprint().text() +
               ", which is not a host key here (gerve host-key list); sign the .pub file of one that is";
    if (certificate.principals().empty())
        return "names no host; sign the host key with `ssh-keygen -h -n HOST`, with every name by which "
               "clients connect";
    if (!certificate.critical_options().empty())
        return "has the critical option " + printable(certificate.critical_options().front().first, 64) +
               ", which clients refuse in a host certificate; sign the host key without it";
    if (!signs_by(certificate.authority().algorithm(), certificate.signature_algorithm()))
        return "is signed with " + printable(certificate.signature_algorithm(), 64) +
               ", which clients refuse; sign it with `ssh-keygen -t rsa-sha2-512`";
    if (!certificate.is_signed())
        return "has a signature that is not its authority's; sign the host key again, or copy the file again";
    if (certificate.valid_before() <= certificate.valid_after())
        return "expires before it becomes valid; sign the host key again, with other dates (`ssh-keygen -V`)";
    return "";
}

}  // namespace

Result<HostCertificate> read_host_certificate(const std::string& file,
                                              const std::vector<PublicKey>& host_keys) {
    const auto content = read_file(file, 4 * Certificate::max_blob);
    if (!content)
        return internal_error(describe(content.error()) +
                              "; copy the certificate there, or remove it from ssh.host_certificates");
    auto certificate = Certificate::parse_line(*content);
    if (!certificate)
        return internal_error(
            file + ": " + describe(certificate.error()) +
            "; ssh.host_certificates takes the file KEY-cert.pub that `ssh-keygen -s AUTHORITY -h -I NAME -n "
            "HOST KEY.pub` writes");
    const std::string fault = fault_of(*certificate, host_keys);
    if (!fault.empty()) return internal_error(file + " " + fault);
    return HostCertificate{file, std::move(*certificate)};
}

HostCertificates read_host_certificates(const std::vector<std::string>& files,
                                        const std::vector<PublicKey>& host_keys) {
    HostCertificates all;
    for (const std::string& file : files) {
        auto one = read_host_certificate(file, host_keys);
        if (one) {
            all.usable.push_back(std::move(*one));
        } else {
            all.problems.push_back(describe(one.error()));
        }
    }
    return all;
}

HostCertificateState state_of(const Certificate& certificate, UnixMillis now) {
    const UnixMillis begin = millis_from(certificate.valid_after());
    const UnixMillis end = millis_from(certificate.valid_before());
    if (now < begin) return HostCertificateState::early;
    if (now >= end) return HostCertificateState::ended;
    const bool soon = end != never && end - now < std::min(most_warning, (end - begin) / 3);
    return soon ? HostCertificateState::ends_soon : HostCertificateState::valid;
}

std::string end_text(const Certificate& certificate) {
    return validity_text(millis_from(certificate.valid_before()));
}

std::string advice_on(const HostCertificate& one, UnixMillis now) {
    const std::string end = end_text(one.certificate);
    const std::string renew = "sign " + one.certificate.key().fingerprint().text() +
                              " again, put the certificate there and reload (SIGHUP)";
    switch (state_of(one.certificate, now)) {
        case HostCertificateState::valid: break;
        case HostCertificateState::early:
            return one.file + " is not valid before " +
                   validity_text(millis_from(one.certificate.valid_after())) +
                   ", and is offered from then on";
        case HostCertificateState::ends_soon: return one.file + " expires at " + end + ": " + renew;
        case HostCertificateState::ended:
            return one.file + " expired at " + end + " and is no longer offered: " + renew;
    }
    return "";
}

bool is_replaced(const HostCertificate& one, const std::vector<HostCertificate>& all) {
    const std::uint64_t end = one.certificate.valid_before();
    return std::any_of(all.begin(), all.end(), [&](const HostCertificate& other) {
        return other.certificate.key().blob() == one.certificate.key().blob() &&
               other.certificate.valid_after() <= end && other.certificate.valid_before() > end;
    });
}

const HostCertificate* choose_certificate(const std::vector<HostCertificate>& all, std::string_view host_key,
                                          UnixMillis now) {
    const HostCertificate* chosen = nullptr;
    for (const HostCertificate& one : all) {
        if (one.certificate.key().blob() != host_key || !is_valid(one.certificate, now)) continue;
        if (chosen == nullptr || one.certificate.valid_before() > chosen->certificate.valid_before())
            chosen = &one;
    }
    return chosen;
}

}  // namespace gerve

// Certificates: the wire format that an SSH client sends, and the line of a -cert.pub file.
#include "authz/model/certificate.h"

#include "authz/certificate_rules.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

void check_certificate(const Certificate& certificate) {
    const auto again = Certificate::parse_blob(certificate.blob());
    require(again && *again == certificate, "a certificate's blob is that certificate");
    require(is_certificate_type(certificate.type()), "its type is one of certificates");
    require(!is_certificate_type(certificate.authority().algorithm()), "its authority is a plain key");
    require(certificate.principals().size() <= Certificate::max_principals, "principals are bounded");
    require(certificate.key_id().size() <= Certificate::max_key_id, "the key id is bounded");
    fuzz::require_one_clean_line(certificate.key().text());
    const bool is_signed = certificate.is_signed();
    require(!is_signed || certificate.signature_algorithm() != "ssh-rsa", "no signature by SHA-1");
    for (const IdentityRule identity : {IdentityRule::key_id, IdentityRule::principal, IdentityRule::login}) {
        const Authority authority{AuthorityId{1}, "ca", certificate.authority().fingerprint(), {},
                                  identity,       ""};
        const CertificateContext context{.authority = authority, .is_signed = is_signed};
        const auto verdicts = judge_certificate(certificate, context);
        require(verdicts.size() == certificate_rule_count, "each rule has a verdict");
        require(find_failure(verdicts) != nullptr, "without an account it counts for nobody");
        for (const RuleVerdict& one : verdicts)
            require(!one.verdict.why.empty(), "each verdict has a reason");
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    for (const auto& certificate : {Certificate::parse_blob(input), Certificate::parse_line(input)}) {
        if (certificate) {
            check_certificate(*certificate);
        } else {
            require(certificate.error().kind == ErrorKind::client, "a bad certificate is the client's fault");
            fuzz::require_one_clean_line(certificate.error().told);
        }
    }
    return 0;
}

#include "authz/service/certificate_inquiry.h"

namespace gerve {
namespace {

// The users among the accounts that it may name; of too many names none is looked up.
Result<std::vector<User>> find_named_users(Directory& directory, const Certificate& certificate,
                                           const Authority& authority) {
    std::vector<User> users;
    const auto names = named_accounts(certificate, authority);
    if (names.size() > max_named_accounts) return users;
    for (const Login& name : names) {
        auto user = directory.find_user(name);
        if (!user) return pass_on(user);
        if (*user) users.push_back(std::move(**user));
    }
    return users;
}

// What only the certificate of a known authority is asked about.
Result<void> look_up(Directory& directory, const Certificate& certificate, CertificateContext& context) {
    const Authority& authority = *context.authority;
    auto users = find_named_users(directory, certificate, authority);
    if (!users) return pass_on(users);
    context.accounts = std::move(*users);
    const CertificateFacts facts = facts_of(certificate, authority);
    const auto revoked = directory.find_revocation(facts, certificate.key().fingerprint());
    if (!revoked) return pass_on(revoked);
    context.revoked = *revoked;
    return {};
}

void leave_address_to_sshd(std::vector<RuleVerdict>& verdicts) {
    for (auto& [rule, verdict] : verdicts) {
        if (rule == CertificateRule::source_address && verdict.is == Verdict::Is::unknown)
            verdict = {Verdict::Is::holds, verdict.why + ", and sshd checks it"};
    }
}

}  // namespace

Result<CertificateInquiry> inquire_certificate(Directory& directory, const Certificate& certificate,
                                               const CertificateOrigin& origin, UnixMillis now) {
    auto authority = directory.find_authority(certificate.authority().fingerprint());
    if (!authority) return pass_on(authority);
    CertificateContext context{.now = now, .authority = std::move(*authority), .address = origin.address};
    context.is_signed = context.authority && certificate.is_signed();
    if (context.is_signed) {
        if (auto done = look_up(directory, certificate, context); !done) return pass_on(done);
    }
    CertificateInquiry inquiry{
        context.authority, context.is_signed, judge_certificate(certificate, context), {}};
    if (origin.sshd_checks_address) leave_address_to_sshd(inquiry.verdicts);
    if (find_failure(inquiry.verdicts) == nullptr) {
        inquiry.key = KnownKey{
            KeyId{0}, certificate.key().fingerprint(),
            CertifiedUser{facts_of(certificate, *context.authority), std::move(context.accounts.front())}};
    }
    return inquiry;
}

std::string told_of(const CertificateInquiry& inquiry) {
    const RuleVerdict* failure = find_failure(inquiry.verdicts);
    if (failure == nullptr || !inquiry.is_signed || failure->verdict.told.empty()) return "";
    return "The certificate is not accepted. " + failure->verdict.told;
}

}  // namespace gerve

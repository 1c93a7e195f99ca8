// The rules by which a certificate counts, each by its name and with its verdict. Pure: reads no clock and
// does no I/O.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/address.h"
#include "authz/base/enum_names.h"
#include "authz/model/certificate.h"
#include "authz/model/key_holder.h"

namespace gerve {

// What of a certificate names the account: the key id, one of the principals, or the value of the extension
// `login@HOST`, as GitHub's certificates have it.
enum class IdentityRule { key_id = 1, principal = 2, login = 3 };

// Who may sign certificates, as the directory has it.
struct Authority {
    AuthorityId id;
    std::string name;
    Fingerprint key;
    std::optional<AccountId> organization;  // whose repositories its certificates count for; nothing: all
    IdentityRule identity = IdentityRule::key_id;
    std::string host;                        // of IdentityRule::login; empty: any
    std::optional<UnixMillis> longest_life;  // ms; nothing: any
    std::optional<UnixMillis> revoked;
};

enum class RevokedBy { serial = 1, key_id = 2, certificate = 3, key = 4 };
constexpr std::array<std::string_view, 4> revoked_by_names{"serial", "key-id", "certificate", "key"};
[[nodiscard]] constexpr std::string_view revoked_by_name(RevokedBy by) {
    return revoked_by_names[static_cast<std::size_t>(by) - 1];
}

// What a certificate is judged by.
struct CertificateContext {
    UnixMillis now = 0;
    std::optional<Authority> authority{};  // nothing: the directory has none with that key
    bool is_signed = false;                // Certificate::is_signed()
    std::optional<RevokedBy> revoked{};
    std::vector<User> accounts{};        // that those of named_accounts() are
    std::optional<IpAddress> address{};  // of the client; nothing: it is not known
};

enum class CertificateRule {
    authority,
    signature_algorithm,
    signature,
    kind,
    valid_after,
    valid_before,
    max_life,
    critical_options,
    force_command,
    source_address,
    principals,
    revocation,
    identity,
};
constexpr std::array<std::string_view, 13> certificate_rule_names{
    "authority", "signature-algorithm", "signature",     "kind",           "valid-after", "valid-before",
    "max-life",  "critical-options",    "force-command", "source-address", "principals",  "revocation",
    "identity"};
constexpr std::size_t certificate_rule_count = certificate_rule_names.size();
[[nodiscard]] constexpr std::string_view certificate_rule_name(CertificateRule rule) {
    return name_in(certificate_rule_names, rule);
}

struct Verdict {
    enum class Is { holds, fails, unknown };
    Is is;
    std::string why;     // for an administrator
    std::string told{};  // one sentence for whoever has proven the key; empty: nothing is told
};

struct CertificateRuleRow {
    CertificateRule rule;
    Verdict (*judge)(const Certificate& certificate, const CertificateContext& context);
};
// In the order in which they are told.
[[nodiscard]] std::span<const CertificateRuleRow> certificate_rules();

struct RuleVerdict {
    CertificateRule rule;
    Verdict verdict;
};
// One for each of the rules.
[[nodiscard]] std::vector<RuleVerdict> judge_certificate(
    const Certificate& certificate, const CertificateContext& context,
    std::span<const CertificateRuleRow> rules = certificate_rules());

// The first that does not hold; null: the certificate counts.
[[nodiscard]] const RuleVerdict* find_failure(const std::vector<RuleVerdict>& verdicts);

// The accounts that the certificate may stand for, by the authority's word; at most max_named_accounts are
// looked up.
constexpr std::size_t max_named_accounts = 8;
[[nodiscard]] std::vector<Login> named_accounts(const Certificate& certificate, const Authority& authority);

// When a certificate begins or ends to be valid, as text; what is beyond the year 9999 is the end of time.
[[nodiscard]] std::string validity_text(UnixMillis time);

// What is remembered of it.
[[nodiscard]] CertificateFacts facts_of(const Certificate& certificate, const Authority& authority);

}  // namespace gerve

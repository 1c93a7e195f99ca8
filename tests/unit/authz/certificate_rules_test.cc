#include "authz/certificate_rules.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "authz/base/ssh_fields.h"
#include "authz/model/certificate_options.h"

using namespace gerve;

namespace {

constexpr std::uint64_t now = 1'800'000'000;  // seconds

std::string ed25519_blob(char first) {
    std::string point;
    for (char i = 0; i < 32; ++i) point += static_cast<char>(first + i);
    std::string blob;
    put_field(blob, "ssh-ed25519");
    put_field(blob, point);
    return blob;
}

struct Parts {
    std::uint32_t kind = 1;
    std::uint64_t after = now - 100;
    std::uint64_t before = now + 100;
    std::string key_id = "alice";
    std::vector<std::string> principals{"alice"};
    Certificate::Options critical{};
    Certificate::Options extensions{};
    std::string algorithm = "ssh-ed25519";  // of the signature
    std::string authority = ed25519_blob(64);
    bool security_key = false;
};

std::string options_field(const Certificate::Options& options) {
    std::string field;
    for (const auto& [name, value] : options) {
        std::string data;
        if (!value.empty()) put_field(data, value);
        put_field(field, name);
        put_field(field, data);
    }
    return field;
}

std::string blob_of(const Parts& parts) {
    std::string blob;
    put_field(blob, parts.security_key ? "sk-ssh-ed25519-cert-v01@openssh.com"
                                       : "ssh-ed25519-cert-v01@openssh.com");
    put_field(blob, "nonce");
    put_field(blob, ed25519_blob(1).substr(19));
    if (parts.security_key) put_field(blob, "ssh:");
    put_number(blob, std::uint64_t{17});
    put_number(blob, parts.kind);
    put_field(blob, parts.key_id);
    std::string principals;
    for (const std::string& one : parts.principals) put_field(principals, one);
    put_field(blob, principals);
    put_number(blob, parts.after);
    put_number(blob, parts.before);
    put_field(blob, options_field(parts.critical));
    put_field(blob, options_field(parts.extensions));
    put_field(blob, "");
    put_field(blob, parts.authority);
    std::string signature;
    put_field(signature, parts.algorithm);
    put_field(signature, std::string(64, 's'));
    put_field(blob, signature);
    return blob;
}

Certificate make(const Parts& parts) {
    auto certificate = Certificate::parse_blob(blob_of(parts));
    REQUIRE_MESSAGE(certificate.has_value(), certificate.error().told);
    return *certificate;
}

// In which everything holds.
CertificateContext good_context() {
    const auto authority = PublicKey::parse_blob(ed25519_blob(64));
    CertificateContext context{.now = static_cast<UnixMillis>(now * 1000)};
    context.authority =
        Authority{AuthorityId{1}, "ca", authority->fingerprint(), {}, IdentityRule::key_id, ""};
    context.authority->longest_life = 200'000;
    context.is_signed = true;
    context.accounts = {User{AccountId{3}, *Login::parse("alice")}};
    context.address = *IpAddress::parse("192.0.2.7");
    return context;
}

using Spoil = std::function<void(Parts&, CertificateContext&)>;

// What one rule alone refuses.
struct Bad {
    CertificateRule rule;
    const char* name;
    Spoil spoil;
};

Spoil with_option(const char* name, const char* value) {
    return [=](Parts& parts, auto&) { parts.critical = {{name, value}}; };
}

const std::vector<Bad> bad_ones{
    {CertificateRule::signature_algorithm, "SHA-1", [](Parts& p, auto&) { p.algorithm = "ssh-rsa"; }},
    {CertificateRule::signature, "forged", [](Parts&, auto& c) { c.is_signed = false; }},
    {CertificateRule::kind, "host", [](Parts& p, auto&) { p.kind = 2; }},
    {CertificateRule::valid_after, "early", [](Parts& p, auto&) { p.after = now + 1; }},
    {CertificateRule::valid_before, "late", [](Parts& p, auto&) { p.before = now; }},
    {CertificateRule::max_life, "long", [](Parts& p, auto&) { p.before = now + 101; }},
    {CertificateRule::max_life, "endless", [](Parts& p, auto&) { p.before = ~std::uint64_t{0}; }},
    {CertificateRule::critical_options, "unknown", with_option("x@y", "1")},
    {CertificateRule::critical_options, "PIN", with_option("verify-required", "")},
    {CertificateRule::force_command, "forced", with_option("force-command", "true")},
    {CertificateRule::source_address, "elsewhere", with_option("source-address", "10.0.0.0/8,192.0.2.8")},
    {CertificateRule::source_address, "malformed", with_option("source-address", "192.0.2.7,x")},
    {CertificateRule::source_address, "malformed, and the address unknown",
     [](Parts& p, auto& c) {
         p.critical = {{"source-address", "192.0.2.7,x"}};
         c.address.reset();
     }},
    {CertificateRule::source_address, "unknown address",
     [](Parts& p, auto& c) {
         p.critical = {{"source-address", "192.0.2.7"}};
         c.address.reset();
     }},
    {CertificateRule::principals, "anyone's", [](Parts& p, auto&) { p.principals.clear(); }},
    {CertificateRule::revocation, "revoked", [](Parts&, auto& c) { c.revoked = RevokedBy::serial; }},
    {CertificateRule::revocation, "authority revoked", [](Parts&, auto& c) { c.authority->revoked = 1; }},
    {CertificateRule::identity, "nobody", [](Parts&, auto& c) { c.accounts.clear(); }},
    {CertificateRule::identity, "two", [](Parts&, auto& c) { c.accounts.push_back(c.accounts.front()); }},
};

bool counts(const Parts& parts, const CertificateContext& context,
            std::span<const CertificateRuleRow> rules = certificate_rules()) {
    return find_failure(judge_certificate(make(parts), context, rules)) == nullptr;
}

}  // namespace

TEST_CASE("a certificate counts when every rule holds") {
    CHECK(counts({}, good_context()));
    CHECK(certificate_rules().size() == certificate_rule_count);
}

TEST_CASE("where an extension names the user, no principal has to") {
    Parts parts;
    parts.principals.clear();
    parts.extensions = {{"login@github.com", "alice"}};
    CertificateContext context = good_context();
    for (const IdentityRule rule : {IdentityRule::key_id, IdentityRule::principal, IdentityRule::login}) {
        context.authority->identity = rule;
        CHECK(counts(parts, context) == (rule == IdentityRule::login));
    }
}

TEST_CASE("verify-required is for security keys alone") {
    Parts parts;
    parts.critical = {{"verify-required", ""}};
    parts.security_key = true;
    CHECK(counts(parts, good_context()));
    CHECK(requires_verification(make(parts)));
    CHECK(make(parts).key().is_security_key());
    parts.security_key = false;
    CHECK_FALSE(counts(parts, good_context()));
    CHECK_FALSE(requires_verification(make({})));
}

TEST_CASE("each rule refuses what it is about, and nothing else does") {
    for (const Bad& bad : bad_ones) {
        CAPTURE(bad.name);
        Parts parts;
        CertificateContext context = good_context();
        bad.spoil(parts, context);
        const auto verdicts = judge_certificate(make(parts), context);
        const RuleVerdict* failure = find_failure(verdicts);
        REQUIRE(failure != nullptr);
        CHECK(failure->rule == bad.rule);
        // Switched off, the row passes: the table would be red without the rule.
        std::vector<CertificateRuleRow> others;
        for (const CertificateRuleRow& row : certificate_rules()) {
            if (row.rule != bad.rule) others.push_back(row);
        }
        CHECK(counts(parts, context, others));
    }
}

TEST_CASE("every rule has a row in the table") {
    for (const CertificateRuleRow& row : certificate_rules()) {
        CAPTURE(certificate_rule_name(row.rule));
        const bool there = std::any_of(bad_ones.begin(), bad_ones.end(),
                                       [&](const Bad& bad) { return bad.rule == row.rule; });
        CHECK((there || row.rule == CertificateRule::authority));
    }
}

TEST_CASE("a certificate of an authority that nobody knows does not count, whatever else is switched off") {
    CertificateContext context = good_context();
    context.authority.reset();
    const auto verdicts = judge_certificate(make({}), context);
    CHECK(find_failure(verdicts)->rule == CertificateRule::authority);
    CHECK_FALSE(counts({}, context, certificate_rules().subspan(1)));
}

TEST_CASE("the authority's row says what names the account") {
    Parts parts;
    parts.key_id = "keyid";
    parts.principals = {"git", "Alice", "alice", "not/a login"};
    parts.extensions = {{"login@a.example", "one"}, {"login@b.example", "two"}, {"permit-pty", ""}};
    const Certificate certificate = make(parts);
    const auto named = [&](IdentityRule rule, const char* host = "") {
        Authority authority = *good_context().authority;
        authority.identity = rule;
        authority.host = host;
        std::string all;
        for (const Login& login : named_accounts(certificate, authority)) all += login.text() + " ";
        return all;
    };
    CHECK(named(IdentityRule::key_id) == "keyid ");
    CHECK(named(IdentityRule::principal) == "git Alice ");
    CHECK(named(IdentityRule::login, "b.example") == "two ");
    CHECK(named(IdentityRule::login, "c.example").empty());
    CHECK(named(IdentityRule::login) == "one two ");
}

TEST_CASE("nobody is told whether there is an account, or that an authority is known") {
    for (const Bad& bad : bad_ones) {
        CAPTURE(bad.name);
        Parts parts;
        CertificateContext context = good_context();
        bad.spoil(parts, context);
        const auto verdicts = judge_certificate(make(parts), context);
        const std::string& told = find_failure(verdicts)->verdict.told;
        const bool silent = bad.rule == CertificateRule::identity || bad.rule == CertificateRule::signature ||
                            bad.rule == CertificateRule::signature_algorithm ||
                            std::string_view(bad.name) == "unknown address";
        CHECK(told.empty() == silent);
    }
}

TEST_CASE("what does not parse is refused, and an authority that is a certificate") {
    Parts by_certificate;
    by_certificate.authority = blob_of({});
    const auto refused = Certificate::parse_blob(blob_of(by_certificate));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().told == "the certificate's authority is itself a certificate");
    Parts twice;
    twice.critical = {{"source-address", "192.0.2.7"}, {"source-address", "10.0.0.1"}};
    CHECK_FALSE(Certificate::parse_blob(blob_of(twice)).has_value());
    Parts odd;
    odd.kind = 3;
    CHECK_FALSE(Certificate::parse_blob(blob_of(odd)).has_value());
    Parts hidden;
    hidden.key_id = "a\nb";
    CHECK_FALSE(Certificate::parse_blob(blob_of(hidden)).has_value());
    const std::string good = blob_of({});
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_FALSE(Certificate::parse_blob(std::string_view(good).substr(0, size)).has_value());
    CHECK_FALSE(Certificate::parse_blob(good + "x").has_value());
}

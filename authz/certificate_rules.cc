#include "authz/certificate_rules.h"

#include <algorithm>
#include <limits>

#include "authz/base/ssh_signature.h"
#include "authz/base/text.h"
#include "authz/base/units.h"
#include "authz/model/certificate_options.h"

namespace gerve {
namespace {

constexpr std::string_view force_command_option = "force-command";
constexpr std::string_view source_address_option = "source-address";

Verdict holds(std::string why) {
    return {Verdict::Is::holds, std::move(why)};
}
Verdict fails(std::string why, std::string told = "") {
    return {Verdict::Is::fails, std::move(why), std::move(told)};
}
Verdict unknown(std::string why) {
    return {Verdict::Is::unknown, std::move(why)};
}
Verdict unknown_authority() {
    return unknown("the authority is unknown");
}

// Seconds of a certificate in milliseconds; the last of them, and what is beyond our times, is never.
UnixMillis millis_of(std::uint64_t seconds) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<UnixMillis>::max()) / 1000;
    return seconds > most ? never : static_cast<UnixMillis>(seconds * 1000);
}

const std::string* find_option(const Certificate::Options& options, std::string_view name) {
    for (const auto& [key, value] : options) {
        if (key == name) return &value;
    }
    return nullptr;
}

// The values of the extensions login@HOST; with no host, of whatever host.
std::vector<std::string> login_extensions(const Certificate& certificate, const std::string& host) {
    const std::string wanted = "login@" + host;
    std::vector<std::string> logins;
    for (const auto& [name, value] : certificate.extensions()) {
        if (name == wanted || (host.empty() && name.starts_with(wanted))) logins.push_back(value);
    }
    return logins;
}

Verdict judge_authority(const Certificate& certificate, const CertificateContext& context) {
    const std::string key = certificate.authority().fingerprint().text();
    if (!context.authority) return fails("no authority has the key " + key);
    return holds(context.authority->name + ", " + key +
                 (context.authority->organization ? ", of an organisation" : ", of the instance"));
}

Verdict judge_signature_algorithm(const Certificate& certificate, const CertificateContext&) {
    const std::string_view algorithm = certificate.signature_algorithm();
    if (algorithm == "ssh-rsa") return fails("the authority signed with SHA-1 (ssh-rsa)");
    const std::string& key = certificate.authority().algorithm();
    if (!signs_by(key, algorithm))
        return fails("'" + printable(algorithm, 64) + "' does not fit a key of type " + key);
    return holds(std::string(algorithm));
}

Verdict judge_signature(const Certificate&, const CertificateContext& context) {
    if (!context.authority) return unknown_authority();
    return context.is_signed ? holds("made by the authority's key")
                             : fails("the authority's key did not make it");
}

Verdict judge_kind(const Certificate& certificate, const CertificateContext&) {
    if (certificate.kind() == Certificate::Kind::user) return holds("a user certificate");
    return fails("a host certificate",
                 "It is a host certificate. Get a user certificate (ssh-keygen -s without -h).");
}

Verdict judge_valid_after(const Certificate& certificate, const CertificateContext& context) {
    const UnixMillis after = millis_of(certificate.valid_after());
    if (context.now >= after) return holds("valid from " + validity_text(after));
    return fails("not valid before " + validity_text(after),
                 "It is not valid before " + validity_text(after) + ". Try again then.");
}

Verdict judge_valid_before(const Certificate& certificate, const CertificateContext& context) {
    const UnixMillis before = millis_of(certificate.valid_before());
    if (context.now < before) return holds("valid until " + validity_text(before));
    return fails("expired at " + validity_text(before),
                 "It expired at " + validity_text(before) + ". Get a new one.");
}

Verdict judge_max_life(const Certificate& certificate, const CertificateContext& context) {
    if (!context.authority) return unknown_authority();
    const auto& longest = context.authority->longest_life;
    if (!longest) return holds("the authority sets no limit");
    const std::string limit = age_text(std::chrono::milliseconds(*longest));
    const UnixMillis after = millis_of(certificate.valid_after());
    const UnixMillis before = millis_of(certificate.valid_before());
    if (before != never && before >= after && before - after <= *longest) return holds("at most " + limit);
    return fails("it is valid for longer than " + limit,
                 "It is valid for longer than " + limit +
                     ", the most that its authority may certify. Get one for a shorter time.");
}

Verdict judge_critical_options(const Certificate& certificate, const CertificateContext&) {
    for (const auto& [name, value] : certificate.critical_options()) {
        if (name == force_command_option || name == source_address_option) continue;
        if (name == verify_required && certificate.key().is_security_key()) continue;
        const std::string option = "'" + printable(name, 64) + "'";
        return fails("unknown critical option " + option,
                     "Its critical option " + option + " is not supported here. Get one without it.");
    }
    return holds(certificate.critical_options().empty() ? "none" : "known");
}

Verdict judge_force_command(const Certificate& certificate, const CertificateContext&) {
    if (find_option(certificate.critical_options(), force_command_option) == nullptr) return holds("none");
    return fails("it forces a command",
                 "It forces a command (force-command), which is not supported here. Get one without it.");
}

Verdict judge_source_address(const Certificate& certificate, const CertificateContext& context) {
    const std::string* list = find_option(certificate.critical_options(), source_address_option);
    if (list == nullptr) return holds("from any address");
    const std::string from = printable(*list, 200);
    bool inside = false;
    for (const std::string_view one : split(*list, ',')) {
        const auto network = Network::parse(one);
        if (!network) return fails("malformed: " + from, "Its source-address is malformed. Get a new one.");
        inside = inside || (context.address && network->contains(*context.address));
    }
    if (!context.address) return unknown("only from " + from + "; the client's address is not known");
    const std::string address = context.address->text();
    if (inside) return holds(address + " is in " + from);
    return fails(address + " is not in " + from, "It may not be used from " + address +
                                                     " (source-address). Get one that allows this address.");
}

// Where an extension names the user, no principal has to: GitHub's documentation signs without -n.
Verdict judge_principals(const Certificate& certificate, const CertificateContext& context) {
    if (!certificate.principals().empty())
        return holds(std::to_string(certificate.principals().size()) + " in all");
    if (context.authority && context.authority->identity == IdentityRule::login)
        return holds("none; an extension names the user");
    return fails("it has no principals, so it would be valid for everybody",
                 "It has no principals. Get one with a principal (ssh-keygen -s with -n).");
}

Verdict judge_revocation(const Certificate&, const CertificateContext& context) {
    if (!context.authority) return unknown_authority();
    if (context.authority->revoked)
        return fails("the authority was revoked at " + time_text(*context.authority->revoked),
                     "Its authority was revoked. Get one from another authority.");
    if (!context.revoked) return holds("not revoked");
    return fails("revoked by its " + std::string(revoked_by_name(*context.revoked)),
                 "It was revoked. Get a new one.");
}

// Nobody is told whether there is an account.
Verdict judge_identity(const Certificate& certificate, const CertificateContext& context) {
    if (!context.authority) return unknown_authority();
    const std::size_t names = named_accounts(certificate, *context.authority).size();
    if (names == 0) return fails("it names no account");
    if (names > max_named_accounts)
        return fails("it names more than " + std::to_string(max_named_accounts) + " possible accounts");
    if (context.accounts.empty()) return fails("there is no such user");
    if (context.accounts.size() > 1) return fails("it names more than one user");
    return holds(context.accounts.front().login.text());
}

constexpr std::array<CertificateRuleRow, certificate_rule_count> rule_rows{{
    {CertificateRule::authority, judge_authority},
    {CertificateRule::signature_algorithm, judge_signature_algorithm},
    {CertificateRule::signature, judge_signature},
    {CertificateRule::kind, judge_kind},
    {CertificateRule::valid_after, judge_valid_after},
    {CertificateRule::valid_before, judge_valid_before},
    {CertificateRule::max_life, judge_max_life},
    {CertificateRule::critical_options, judge_critical_options},
    {CertificateRule::force_command, judge_force_command},
    {CertificateRule::source_address, judge_source_address},
    {CertificateRule::principals, judge_principals},
    {CertificateRule::revocation, judge_revocation},
    {CertificateRule::identity, judge_identity},
}};

}  // namespace

std::span<const CertificateRuleRow> certificate_rules() {
    return rule_rows;
}

std::vector<RuleVerdict> judge_certificate(const Certificate& certificate, const CertificateContext& context,
                                           std::span<const CertificateRuleRow> rules) {
    std::vector<RuleVerdict> verdicts;
    verdicts.reserve(rules.size());
    for (const CertificateRuleRow& row : rules)
        verdicts.push_back({row.rule, row.judge(certificate, context)});
    return verdicts;
}

const RuleVerdict* find_failure(const std::vector<RuleVerdict>& verdicts) {
    for (const RuleVerdict& one : verdicts) {
        if (one.verdict.is != Verdict::Is::holds) return &one;
    }
    return nullptr;
}

std::string validity_text(UnixMillis time) {
    constexpr UnixMillis last = 253'402'300'799'000;  // of the year 9999
    return time > last ? "the end of time" : time_text(time);
}

std::vector<Login> named_accounts(const Certificate& certificate, const Authority& authority) {
    std::vector<std::string> names;
    switch (authority.identity) {
        case IdentityRule::key_id: names = {certificate.key_id()}; break;
        case IdentityRule::principal: names = certificate.principals(); break;
        case IdentityRule::login: names = login_extensions(certificate, authority.host); break;
    }
    std::vector<Login> logins;
    for (const std::string& name : names) {
        auto login = Login::parse(name);
        const auto same = [&](const Login& other) { return other.folded() == login->folded(); };
        if (login && std::none_of(logins.begin(), logins.end(), same)) logins.push_back(std::move(*login));
    }
    return logins;
}

CertificateFacts facts_of(const Certificate& certificate, const Authority& authority) {
    return {authority.id,
            authority.key,
            authority.organization,
            certificate.serial(),
            certificate.key_id(),
            certificate.fingerprint(),
            millis_of(certificate.valid_before())};
}

}  // namespace gerve

#include "authz/login_rules.h"

#include "authz/model/key_exchange.h"

namespace gerve {
namespace {

using Is = LoginVerdict::Is;

bool concerns(AskedFor what, Service service) {
    return what == AskedFor::everything || (what == AskedFor::pushes && needs_write(service));
}

LoginVerdict judge_key_exchange(const Login& organization, const LoginFacts& facts) {
    LoginVerdict verdict{Rule::post_quantum_required, Is::fails, "", ""};
    if (facts.behind_sshd) {
        verdict.why = "sshd does not report the key exchange";
        verdict.told = messages::post_quantum_behind_sshd(organization);
    } else if (!facts.key_exchange) {
        verdict.is = Is::unknown;
        verdict.why = "the key exchange of the login decides";
    } else if (is_post_quantum(*facts.key_exchange)) {
        verdict.is = Is::holds;
        verdict.why = *facts.key_exchange;
    } else {
        verdict.why = facts.key_exchange->empty() ? "the key exchange is not known" : *facts.key_exchange;
        verdict.told = messages::post_quantum_required(organization, *facts.key_exchange);
    }
    return verdict;
}

// What of a FIDO key's signature is asked for, and how it is called.
struct Attested {
    Rule rule;
    bool (SecurityKeyUse::*has)() const;
    const char* yes;
    const char* no;
    std::string (*told)(const Login&, Service);
};
constexpr Attested touch{Rule::touch_required, &SecurityKeyUse::touched, "the key was touched",
                         "the key was not touched", messages::touch_required};
constexpr Attested pin{Rule::pin_required, &SecurityKeyUse::verified, "a PIN or a fingerprint was checked",
                       "no PIN or fingerprint was checked", messages::pin_required};

LoginVerdict judge_attested(const Attested& asked, const Login& organization, Service service,
                            const LoginFacts& facts) {
    if (!facts.attestation_known) return {asked.rule, Is::unknown, "the signature of the login decides", ""};
    if (!facts.security_key)
        return {asked.rule, Is::fails, "it is not a security key", asked.told(organization, service)};
    if (((*facts.security_key).*asked.has)()) return {asked.rule, Is::holds, asked.yes, ""};
    if (facts.behind_sshd)
        return {asked.rule, Is::fails, "sshd was not told to check it",
                messages::unchecked_behind_sshd(organization)};
    return {asked.rule, Is::fails, asked.no, asked.told(organization, service)};
}

}  // namespace

std::vector<LoginVerdict> judge_login(const Login& organization, const LoginPolicy& policy,
                                      bool by_deploy_key, Service service, const LoginFacts& facts) {
    std::vector<LoginVerdict> verdicts;
    if (policy.post_quantum) verdicts.push_back(judge_key_exchange(organization, facts));
    if (by_deploy_key && !policy.deploy_keys) return verdicts;
    if (concerns(policy.touch, service))
        verdicts.push_back(judge_attested(touch, organization, service, facts));
    if (concerns(policy.pin, service)) verdicts.push_back(judge_attested(pin, organization, service, facts));
    return verdicts;
}

const LoginVerdict* find_failure(const std::vector<LoginVerdict>& verdicts) {
    for (const LoginVerdict& one : verdicts) {
        if (one.is == LoginVerdict::Is::fails) return &one;
    }
    return nullptr;
}

}  // namespace gerve

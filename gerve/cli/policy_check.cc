#include "gerve/cli/policy_check.h"

#include <set>
#include <tuple>

#include "authz/base/text.h"

namespace gerve {
namespace {

// What the trail has of one login. An event of an earlier version has no key exchange; sshd verifies
// signatures itself, so nothing is known of a FIDO key's there. The directory does not have the keys of
// certificates.
LoginFacts facts_of_login(const AuditJson& login, const KeysNow& keys) {
    LoginFacts facts;
    facts.behind_sshd = text_in(login, "door") == "sshd";
    const std::string exchange = text_in(login, "key_exchange");
    if (!exchange.empty()) facts.key_exchange = exchange;
    const auto attested = login.find("security_key");
    if (attested != login.end() && attested->is_object()) {
        facts.attestation_known = true;
        facts.security_key = SecurityKeyUse{attested->value("flags", std::uint8_t{0}), 0};
        return facts;
    }
    const auto key = keys.find(text_in(login, "fingerprint"));
    const bool is_security_key = key != keys.end() && key->second.algorithm.starts_with("sk-");
    facts.attestation_known = !is_security_key && (key != keys.end() || !facts.behind_sshd);
    return facts;
}

// Whether nobody can log in like that again, whatever the policy. In a certificate an expired key can.
bool is_over(const AuditJson& login, const KeysNow& keys) {
    const auto key = keys.find(text_in(login, "fingerprint"));
    return key != keys.end() && key->second.ended && !login.contains("authority");
}

struct Judged {
    bool undecided = false;
    bool pushes_only = true;
    std::vector<std::string> why;
};

Judged judge(const Login& organization, const LoginPolicy& policy, bool by_deploy_key,
             const LoginFacts& facts) {
    Judged judged;
    const auto fetches = judge_login(organization, policy, by_deploy_key, Service::upload_pack, facts);
    judged.pushes_only = find_failure(fetches) == nullptr;
    for (const LoginVerdict& one :
         judge_login(organization, policy, by_deploy_key, Service::receive_pack, facts)) {
        if (one.is == LoginVerdict::Is::unknown) judged.undecided = true;
        if (one.is == LoginVerdict::Is::fails)
            judged.why.push_back(std::string(rule_name(one.rule)) + ": " + one.why);
    }
    return judged;
}

}  // namespace

PolicyCheck check_policy(const Login& organization, const LoginPolicy& policy,
                         const std::vector<PolicySubject>& subjects, const std::vector<AuditJson>& logins,
                         const KeysNow& keys) {
    using Kind = std::tuple<std::string, std::string, std::string, std::string>;
    std::map<std::string, bool> deploys;  // by the name in one spelling
    for (const PolicySubject& one : subjects) deploys.emplace(fold_case(one.name), one.is_deploy_key);
    std::map<Kind, PolicyRefusal> refusals;
    std::set<std::string> seen;
    std::set<std::string> undecided;
    for (const AuditJson& login : logins) {
        const std::string who = fold_case(audit_who(login));
        const auto subject = deploys.find(who);
        if (subject == deploys.end() || is_over(login, keys)) continue;
        seen.insert(who);
        Judged judged = judge(organization, policy, subject->second, facts_of_login(login, keys));
        if (judged.undecided && judged.why.empty()) undecided.insert(who);
        if (judged.why.empty()) continue;
        Kind kind{who, text_in(login, "fingerprint"), join(judged.why, ", "), text_in(login, "client")};
        refusals[std::move(kind)] = PolicyRefusal{login, judged.pushes_only, std::move(judged.why)};
    }
    PolicyCheck check;
    check.subjects = deploys.size();
    check.unseen = deploys.size() - seen.size();
    check.undecided = undecided.size();
    for (auto& [kind, refusal] : refusals) check.refusals.push_back(std::move(refusal));
    return check;
}

}  // namespace gerve

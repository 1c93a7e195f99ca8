#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"
#include "gerve/cli/policy_check.h"
#include "gerve/cli/recorded_logins.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct PolicyValues {
    std::optional<Login> organization;
    std::optional<AskedFor> touch;
    std::optional<AskedFor> pin;
    bool post_quantum = false;
    bool no_post_quantum = false;
    bool deploy_keys = false;
    bool no_deploy_keys = false;
    bool check = false;
    std::optional<UnixMillis> since;
    bool json = false;
};

Result<AskedFor> parse_asked_for(const std::string& text) {
    const auto what = find_in<AskedFor>(asked_for_names, text);
    if (what) return *what;
    return client_error("'" + printable(text, 40) + "' is not one of push, all and off");
}

// Of a flag and its opposite.
std::optional<bool> switched(bool on, bool off, const std::string& name) {
    if (on && off) throw Stop{usage_status, "--" + name + " and --no-" + name + " cannot be combined"};
    if (on || off) return on;
    return std::nullopt;
}

LoginPolicyChange change_of(const PolicyValues& values) {
    return {switched(values.post_quantum, values.no_post_quantum, "post-quantum"), values.touch, values.pin,
            switched(values.deploy_keys, values.no_deploy_keys, "deploy-keys")};
}

Json policy_json(const Login& organization, const LoginPolicy& policy) {
    return {{"org", organization.text()},
            {"post_quantum", policy.post_quantum},
            {"touch", asked_for_name(policy.touch)},
            {"pin", asked_for_name(policy.pin)},
            {"deploy_keys", policy.deploy_keys}};
}

int show_policy(Site& site, const PolicyValues& values) {
    const LoginPolicy policy = need(site.registry().show_policy(*values.organization));
    if (values.json) {
        print_json(policy_json(*values.organization, policy));
        return 0;
    }
    Table table({"REQUIRED", "FOR"});
    table.add({"post-quantum key exchange", policy.post_quantum ? "all" : "off"});
    table.add({"touch of a security key", std::string(asked_for_name(policy.touch))});
    table.add({"PIN of a security key", std::string(asked_for_name(policy.pin))});
    table.add({"touch and PIN of deploy keys", policy.deploy_keys ? "on" : "off"});
    table.print("");
    return 0;
}

int change_policy(Site& site, const PolicyValues& values) {
    const Login& organization = *values.organization;
    site.details().add("user", organization.text());
    const auto changed = need(site.registry().change_policy(organization, change_of(values)));
    site.details().add("before", text_of(changed.before));
    site.details().add("after", text_of(changed.after));
    if (changed.before == changed.after)
        return there_already("the policy of " + organization.text() +
                             " is already: " + text_of(changed.after));
    if (values.json)
        print_json(policy_json(organization, changed.after));
    else
        std::printf("the policy of %s is now: %s\n", organization.text().c_str(),
                    text_of(changed.after).c_str());
    return 0;
}

KeysNow keys_now(Site& site) {
    KeysNow keys;
    const UnixMillis now = unix_now();
    for (const KeyRecord& key : need_backend(site.registry().list_keys())) {
        const bool ended = key.revoked || (key.expires && *key.expires <= now);
        keys.emplace(key.fingerprint.text(), KeyNow{key.algorithm, ended});
    }
    return keys;
}

const char* refused_what(const PolicyRefusal& refusal) {
    return refusal.pushes_only ? "push" : "all";
}

void print_check_json(const PolicyCheck& check, const Json& policy, UnixMillis since,
                      const std::string& unknown) {
    Json refused = Json::array();
    for (const PolicyRefusal& one : check.refusals) {
        Json row;
        for (const char* name :
             {"time", "user", "deploy_key_of", "fingerprint", "key_exchange", "client", "address", "door"}) {
            if (one.login.contains(name)) row[name] = one.login[name];
        }
        row["refused"] = refused_what(one);
        row["why"] = one.why;
        refused.push_back(std::move(row));
    }
    print_json({{"policy", policy},
                {"since", time_text(since)},
                {"subjects", check.subjects},
                {"unseen", check.unseen},
                {"undecided", check.undecided},
                {"complete", unknown.empty()},
                {"refused", std::move(refused)}});
}

void print_check(const PolicyCheck& check, const LoginPolicy& policy, UnixMillis since,
                 const std::string& unknown) {
    std::printf("policy: %s\n", text_of(policy).c_str());
    std::printf("%zu accounts and deploy keys have access; %zu of them did not log in since %s.\n",
                check.subjects, check.unseen, time_text(since).c_str());
    if (check.undecided > 0) std::printf("Of %zu the recorded logins do not decide it.\n", check.undecided);
    if (!unknown.empty()) std::printf("The list is incomplete: %s.\n", unknown.c_str());
    std::printf("\n");
    Table table({"LAST LOGIN (UTC)", "WHO", "REFUSED", "WHY", "CLIENT", "KEY"});
    for (const PolicyRefusal& one : check.refusals) {
        table.add({audit_clock(one.login), shown(audit_who(one.login)), refused_what(one),
                   shown(join(one.why, ", ")), shown(text_in(one.login, "client")),
                   one_line(text_in(one.login, "fingerprint"))});
    }
    table.print("nobody would be refused, by the logins since then");
}

// Exit status 1: somebody would be refused.
int check(Site& site, const PolicyValues& values) {
    const Login& organization = *values.organization;
    const UnixMillis since = window_begin(values.since);
    const LoginPolicy policy = change_of(values).over(need(site.registry().show_policy(organization)));
    const auto subjects = need_backend(site.registry().list_policy_subjects(organization));
    const auto found =
        check_policy(organization, policy, subjects, read_recorded_logins(site, since), keys_now(site));
    const std::string unknown = why_logins_unknown(site, since);
    values.json ? print_check_json(found, policy_json(organization, policy), since, unknown)
                : print_check(found, policy, since, unknown);
    return found.refusals.empty() ? 0 : refused_status;
}

int run_policy(Site& site, const PolicyValues& values) {
    if (values.check) return check(site, values);
    if (values.since) throw Stop{usage_status, "--since applies to --check"};
    if (!change_of(values).any()) return show_policy(site, values);
    return run_on_record(site, "org policy", [&](Site& one) { return change_policy(one, values); });
}

Setter asked_for_into(std::optional<AskedFor>& into) {
    return parsed(into, parse_asked_for);
}

}  // namespace

void declare_org_policy(Command& org) {
    const auto values = std::make_shared<PolicyValues>();
    Command policy =
        org.command("policy", "Show or change what an organisation requires of logins to its repositories.",
                    [values](Site& site) { return run_policy(site, *values); });
    policy.argument("ORG", "The organisation", parsed(values->organization))
        .flag("--post-quantum", "Refuse clients without a post-quantum key exchange", values->post_quantum)
        .flag("--no-post-quantum", "Serve them again", values->no_post_quantum)
        .option("--touch", "FOR", "Require the touch of a security key: push, all or off",
                asked_for_into(values->touch))
        .option("--pin", "FOR", "Require the PIN or fingerprint of a security key: push, all or off",
                asked_for_into(values->pin))
        .flag("--deploy-keys", "Require touch and PIN of deploy keys as well", values->deploy_keys)
        .flag("--no-deploy-keys", "Require them of people only", values->no_deploy_keys)
        .flag("--check", "Change nothing: list who would be refused, by the logins in the audit trail",
              values->check)
        .option("--since", "TIME",
                "With --check, look at logins since then: 2026-01-31, or an age such as 30d; default: 90d",
                past_into(values->since))
        .json(values->json)
        .examples({"gerve org policy acme", "gerve org policy acme --check --post-quantum --touch push",
                   "gerve org policy acme --touch push --pin off"});
}

}  // namespace gerve

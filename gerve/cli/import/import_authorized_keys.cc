#include <nlohmann/json.hpp>

#include "authz/base/fd.h"
#include "authz/model/public_key_file.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/import/account_state.h"
#include "gerve/cli/import/authorized_keys.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct AuthorizedValues {
    std::string file;
    std::optional<Login> user;
    bool ignore_from = false;
    bool yes = false;
    bool json = false;
};

std::string read_authorized_keys(const std::string& file) {
    constexpr std::size_t largest = 16 * 1024 * 1024;
    std::string content = need(read_file(file, largest));
    if (is_private_key(content)) throw Stop{refused_status, file + ": this is a private key"};
    return content;
}

// Keys of users who are named by a command get their accounts; the user of --user must be there.
void add_missing(AccountState& accounts, const AuthorizedPlan& plan, bool uses_recorded) {
    for (const AuthorizedKey& one : plan.keys) {
        if (!accounts.need_account(one.login, AccountKind::user)) {
            accounts.findings.push_back({one.place,
                                         one.key.fingerprint().text(),
                                         "not taken: " + one.login.text() + " is not a user in Gerve",
                                         ImportEffect::less,
                                         {}});
            continue;
        }
        accounts.need_key(one.login, one.key, {"", one.expires, uses_recorded, false, one.no_touch_required},
                          one.place);
    }
}

int import_authorized_keys(Site& site, const AuthorizedValues& values) {
    const std::string content = read_authorized_keys(values.file);
    if (values.yes && !values.user) site.create_state();
    AccountState accounts(site);
    const auto is_user = [&](const Login& login) { return accounts.has(login, AccountKind::user); };
    if (values.user && !is_user(*values.user)) {
        const std::string login = values.user->text();
        throw Stop{refused_status, "no user " + login + ": `gerve user add " + login + "` makes the account"};
    }
    AuthorizedPlan plan =
        plan_authorized_keys(values.file, content, {values.user, values.ignore_from, is_user, unix_now()});
    add_missing(accounts, plan, site.config().audit.enabled);
    ImportFindings findings = std::move(plan.findings);
    std::ranges::move(accounts.findings, std::back_inserter(findings));
    if (!values.json) {
        print_steps(accounts.steps);
        print_findings(findings);
    }
    const bool does_it = values.yes;
    if (!does_it && !values.json && !accounts.steps.empty())
        std::printf("\nNothing was changed: --yes makes the changes\n");
    const int status = does_it ? run_steps(site, accounts.steps, !values.json) : 0;
    if (values.json)
        print_json({{"changes", steps_json(accounts.steps)},
                    {"done", does_it && status == 0},
                    {"findings", findings_json(findings)}});
    return status;
}

}  // namespace

void declare_import_keys(Command& imports) {
    const auto values = std::make_shared<AuthorizedValues>();
    imports
        .command("authorized-keys", "Take over the keys of an authorized_keys file.",
                 [values](Site& site) { return import_authorized_keys(site, *values); })
        .argument("FILE", "An authorized_keys file, as sshd reads it", word(values->file))
        .option("--user", "LOGIN", "Who gets all keys; default: the user that a line names",
                parsed(values->user))
        .flag("--ignore-from", "Take keys that are limited to some addresses, without that limit",
              values->ignore_from)
        .flag("-y,--yes", "Make the changes; without it they are only listed", values->yes)
        .json(values->json)
        .examples({"gerve import authorized-keys .ssh/authorized_keys",
                   "gerve import authorized-keys alice.keys --user alice --yes"});
}

}  // namespace gerve

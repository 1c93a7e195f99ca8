#include <nlohmann/json.hpp>

#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/redis_table.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct AccountValues {
    std::optional<Login> login;
    std::optional<Login> member;
    std::optional<TeamPath> team;
    OrgRole role = OrgRole::member;
    bool flag = false;
    bool json = false;
};

Json to_json(const AccountRecord& account) {
    return {{"login", account.login.text()},
            {"kind", account_kind_name(account.kind)},
            {"state", account.suspended ? "suspended" : "active"},
            {"created", time_text(account.created)},
            {"suspended", json_time(account.suspended)}};
}

int list_users(Site& site, bool json) {
    const auto accounts = need(site.registry().list_accounts());
    Json out = Json::array();
    Table table({"LOGIN", "KIND", "CREATED", "SUSPENDED"});
    for (const AccountRecord& account : accounts) {
        out.push_back(to_json(account));
        table.add({account.login.text(), std::string(account_kind_name(account.kind)),
                   time_text(account.created), time_or(account.suspended, "")});
    }
    json ? print_json(out) : table.print("no accounts: make one with `gerve user add LOGIN`");
    return 0;
}

int add_account(Site& site, const AccountValues& values) {
    site.details().add("user", values.login->text());
    const auto kind = values.flag ? AccountKind::organization : AccountKind::user;
    const auto added = site.registry().add_account(*values.login, kind);
    if (added && !added->was_there) return 0;
    if (added) {
        const char* kind_noun = kind == AccountKind::user ? "user " : "organisation ";
        return there_already(kind_noun + added->login.text() + " already exists");
    }
    throw Stop{refused_status, "cannot add " + values.login->text() + ": " + explanation_of(added.error())};
}

int remove_account(Site& site, const Login& login) {
    site.details().add("user", login.text());
    need(site.registry().remove_account(login));
    std::printf("removed %s\n", login.text().c_str());
    return tell_redis(site, [&](RedisEditor& redis) { return redis.remove(login); });
}

void declare_user(Command& root) {
    Command user = root.group("user", "Accounts of people and organisations.");
    const auto add = std::make_shared<AccountValues>();
    user.change("add", "Create an account for a person or, with --org, for an organisation.",
                [add](Site& site) {
                    site.create_state();
                    return add_account(site, *add);
                })
        .argument("LOGIN", "Its name: letters, digits, '.', '_', '-'", parsed(add->login))
        .flag("--org", "An organisation: it has members and teams instead of keys", add->flag);
    const auto list = std::make_shared<AccountValues>();
    user.command("list", "List all accounts.", [list](Site& site) { return list_users(site, list->json); })
        .json(list->json);
    const auto suspend = std::make_shared<AccountValues>();
    user.change("suspend", "Refuse all access to an account until it is unsuspended.",
                [suspend](Site& site) {
                    site.details().add("user", suspend->login->text());
                    need(site.registry().suspend_account(*suspend->login));
                    return 0;
                })
        .argument("LOGIN", "The account", parsed(suspend->login));
    const auto unsuspend = std::make_shared<AccountValues>();
    user.change("unsuspend", "Lift the suspension of an account.",
                [unsuspend](Site& site) {
                    site.details().add("user", unsuspend->login->text());
                    need(site.registry().unsuspend_account(*unsuspend->login));
                    return 0;
                })
        .argument("LOGIN", "The account", parsed(unsuspend->login));
    declare_renaming(user);
    const auto remove = std::make_shared<AccountValues>();
    user.change("remove", "Remove an account that owns nothing, or free an account's former name.",
                [remove](Site& site) { return remove_account(site, *remove->login); })
        .argument("LOGIN", "The account, or the former name", parsed(remove->login));
    user.examples({"gerve user add alice", "gerve user add acme --org", "gerve user list --json",
                   "gerve user suspend alice", "gerve user rename alice alicia", "gerve user remove alcie"});
}

int list_members(Site& site, const AccountValues& values) {
    const auto members = need(site.registry().list_org_members(*values.login));
    Json out = Json::array();
    Table table({"LOGIN", "ROLE"});
    for (const OrgMemberRecord& member : members) {
        out.push_back({{"login", member.login.text()}, {"role", org_role_name(member.role)}});
        table.add({member.login.text(), std::string(org_role_name(member.role))});
    }
    values.json ? print_json(out) : table.print("no members");
    return 0;
}

Setter role_into(OrgRole& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto role = parse_org_role(text);
        if (!role) return pass_on(role);
        into = *role;
        return {};
    };
}

void declare_org(Command& root) {
    Command org = root.group("org", "Members of organisations, and what organisations require of logins.");
    Command member = org.group("member", "Members of an organisation; its owners may do anything in it.");
    const auto add = std::make_shared<AccountValues>();
    member
        .change("add", "Make a person a member, or change the role of a member.",
                [add](Site& site) {
                    site.details().add("user", add->member->text());
                    const auto set =
                        need(site.registry().set_org_member(*add->login, *add->member, add->role));
                    if (set == Outcome::done) return 0;
                    return there_already(add->member->text() + " is already " +
                                         (add->role == OrgRole::owner ? "an owner of " : "a member of ") +
                                         add->login->text());
                })
        .argument("ORG", "The organisation", parsed(add->login))
        .argument("LOGIN", "The person", parsed(add->member))
        .option("--role", "ROLE", "member (the default) or owner", role_into(add->role));
    const auto remove = std::make_shared<AccountValues>();
    member
        .change("remove", "Remove a member from an organisation and its teams.",
                [remove](Site& site) {
                    site.details().add("user", remove->member->text());
                    need(site.registry().remove_org_member(*remove->login, *remove->member));
                    return 0;
                })
        .argument("ORG", "The organisation", parsed(remove->login))
        .argument("LOGIN", "The person", parsed(remove->member));
    const auto list = std::make_shared<AccountValues>();
    member
        .command("list", "List the members of an organisation.",
                 [list](Site& site) { return list_members(site, *list); })
        .argument("ORG", "The organisation", parsed(list->login))
        .json(list->json);
    member.examples({"gerve org member add acme alice --role owner", "gerve org member list acme"});
    declare_org_policy(org);
    org.examples({"gerve org member add acme alice --role owner", "gerve org member list acme",
                  "gerve org policy acme --touch push"});
}

int list_teams(Site& site, const AccountValues& values) {
    const auto teams = need(site.registry().list_teams(*values.login));
    Json out = Json::array();
    Table table({"TEAM", "CREATED", "MEMBERS"});
    for (const TeamRecord& team : teams) {
        Json members = Json::array();
        std::string text;
        for (const Login& member : team.members) {
            members.push_back(member.text());
            text += (text.empty() ? "" : ", ") + member.text();
        }
        out.push_back(
            {{"team", team.path.text()}, {"created", time_text(team.created)}, {"members", members}});
        table.add({team.path.text(), time_text(team.created), text});
    }
    values.json ? print_json(out) : table.print("no teams: make one with `gerve team add ORG/TEAM`");
    return 0;
}

void declare_team_members(Command& team) {
    Command member = team.group("member", "Members of a team.");
    const auto add = std::make_shared<AccountValues>();
    member
        .change(
            "add", "Add a person to a team and to its organisation.",
            [add](Site& site) {
                site.details().add("user", add->member->text());
                const auto added = need(site.registry().add_team_member(*add->team, *add->member));
                if (added == Outcome::done) return 0;
                return there_already(add->member->text() + " is already a member of " + add->team->text());
            })
        .argument("ORG/TEAM", "The team", parsed(add->team))
        .argument("LOGIN", "The person", parsed(add->member));
    const auto remove = std::make_shared<AccountValues>();
    member
        .change("remove", "Remove a member from a team.",
                [remove](Site& site) {
                    site.details().add("user", remove->member->text());
                    need(site.registry().remove_team_member(*remove->team, *remove->member));
                    return 0;
                })
        .argument("ORG/TEAM", "The team", parsed(remove->team))
        .argument("LOGIN", "The person", parsed(remove->member));
}

void declare_team(Command& root) {
    Command team = root.group("team", "Teams of organisations.");
    const auto add = std::make_shared<AccountValues>();
    team.change("add", "Create a team.",
                [add](Site& site) {
                    if (need(site.registry().add_team(*add->team)) == Outcome::done) return 0;
                    return there_already("team " + add->team->text() + " already exists");
                })
        .argument("ORG/TEAM", "Its organisation and name", parsed(add->team));
    const auto remove = std::make_shared<AccountValues>();
    team.change("remove", "Remove a team and its grants.",
                [remove](Site& site) {
                    need(site.registry().remove_team(*remove->team));
                    return 0;
                })
        .argument("ORG/TEAM", "The team", parsed(remove->team));
    const auto list = std::make_shared<AccountValues>();
    team.command("list", "List the teams of an organisation with their members.",
                 [list](Site& site) { return list_teams(site, *list); })
        .argument("ORG", "The organisation", parsed(list->login))
        .json(list->json);
    declare_team_members(team);
    team.examples({"gerve team add acme/engineers", "gerve team member add acme/engineers alice",
                   "gerve access grant acme/website acme/engineers write", "gerve team list acme"});
}

}  // namespace

void declare_accounts(Command& root) {
    declare_user(root);
    declare_org(root);
    declare_team(root);
}

}  // namespace gerve

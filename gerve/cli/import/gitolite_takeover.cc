#include "gerve/cli/import/gitolite_takeover.h"

#include <algorithm>

#include "authz/base/text.h"
#include "gerve/cli/import/account_state.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

class Comparison {
  public:
    Comparison(Site& site, const GitolitePlan& plan) : site_(site), plan_(plan), accounts_(site) {}

    GitoliteTakeover make() {
        for (const Login& organization : plan_.organizations)
            take_account(organization, AccountKind::organization, "its repositories get no access");
        for (const Login& user : plan_.users)
            take_account(user, AccountKind::user,
                         "no keys and no access (--user gives the user another login)");
        const bool uses_recorded = site_.config().audit.enabled;
        for (const PlannedKey& one : plan_.keys) {
            if (is_there(one.login, AccountKind::user))
                accounts_.need_key(one.login, one.key, {"", std::nullopt, uses_recorded}, {one.path, 0});
        }
        if (is_there(plan_.owner, AccountKind::organization)) compare_teams();
        compare_repositories();
        std::ranges::move(accounts_.steps, std::back_inserter(out_.steps));
        std::ranges::move(steps_, std::back_inserter(out_.steps));
        out_.findings = plan_.findings;
        for (ImportFindings* more : {&accounts_.findings, &findings_})
            std::ranges::move(*more, std::back_inserter(out_.findings));
        return std::move(out_);
    }

  private:
    bool is_there(const Login& login, AccountKind kind) const { return accounts_.has(login, kind); }

    void take_account(const Login& login, AccountKind kind, const std::string& otherwise) {
        if (accounts_.need_account(login, kind)) return;
        const bool is_user = kind == AccountKind::user;
        const std::string why = "this name is taken in Gerve, and not by " +
                                std::string(is_user ? "a user" : "an organisation") + ": ";
        if (login == plan_.owner)
            throw Stop{refused_status, login.text() + ": " + why + "name another organisation with --owner"};
        find(login.text(), why + otherwise, ImportEffect::less);
    }

    // A team that has more members than the group would give them access: it is left alone.
    void compare_teams() {
        std::map<Login, std::vector<Login>> there;
        if (!accounts_.is_new(plan_.owner)) {
            for (TeamRecord& team : need_backend(site_.registry().list_teams(plan_.owner)))
                there.emplace(team.path.name, std::move(team.members));
        }
        for (const auto& [name, wanted] : plan_.teams) {
            std::set<Login> members;
            for (const Login& login : wanted) {
                if (is_there(login, AccountKind::user)) members.insert(login);
            }
            const TeamPath path{plan_.owner, name};
            const auto known = there.find(name);
            if (known == there.end()) add_team(path);
            if (known == there.end() || has_only(path, known->second, members)) {
                add_members(path, known == there.end() ? std::vector<Login>{} : known->second, members);
                teams_.emplace(name, std::move(members));
            }
        }
    }

    bool has_only(const TeamPath& path, const std::vector<Login>& there, const std::set<Login>& members) {
        for (const Login& login : there) {
            if (members.contains(login)) continue;
            find(path.text(),
                 "this team has a member that gitolite's group does not have (" + login.text() +
                     "): its members get access of their own instead of the team's",
                 ImportEffect::same);
            return false;
        }
        return true;
    }

    void add_team(const TeamPath& path) {
        add("team add", path.text(), {{"team", path.text()}},
            [path](Registry& registry) { return registry.add_team(path); });
    }

    void add_members(const TeamPath& path, const std::vector<Login>& there, const std::set<Login>& members) {
        for (const Login& login : members) {
            if (std::ranges::find(there, login) != there.end()) continue;
            add("team member add", path.text() + " " + login.text(),
                {{"user", login.text()}, {"team", path.text()}},
                [path, login](Registry& registry) { return registry.add_team_member(path, login); });
        }
    }

    void compare_repositories() {
        std::map<RepoPath, RepositoryRecord> there;
        for (RepositoryRecord& record : need_backend(site_.registry().list_repositories()))
            there.emplace(record.path, record);
        for (const PlannedRepository& one : plan_.repositories) {
            if (!is_there(one.path.owner(), AccountKind::organization)) continue;
            const auto record = there.find(one.path);
            if (record == there.end())
                out_.missing.push_back(&one);
            else
                compare_access(one, record->second);
        }
    }

    void compare_access(const PlannedRepository& planned, const RepositoryRecord& record) {
        PlannedRepository one = planned;
        std::erase_if(one.access, [&](const auto& user) { return !is_there(user.first, AccountKind::user); });
        list_excess(one, record);
        if (one.is_public && !record.is_public)
            add("repo make-public", record.path.text(), {{"repo", record.path.text()}},
                [path = record.path](Registry& registry) {
                    return registry.set_repository_public(path, true);
                });
        const auto grants = need_backend(site_.registry().list_access(record.path));
        for (const PlannedGrant& grant : grants_for(one, teams_)) add_grant(record.path, grant, grants);
    }

    // What Gerve gives besides, by an owner's role, by a grant, or by a team.
    void list_excess(const PlannedRepository& one, const RepositoryRecord& record) {
        const std::string path = record.path.text();
        if (record.is_public && !one.is_public)
            find(path, "public in Gerve: every account reads it (`gerve repo make-private " + path + "`)",
                 ImportEffect::more);
        for (const AccountReach& reach :
             need_backend(site_.registry().review_repository(record.path)).accounts) {
            const Login& login = reach.account.login;
            const auto wanted = one.access.find(login);
            const Access before = wanted == one.access.end() ? Access::none : wanted->second;
            const AccessWay& way = reach.way();
            if (way.access <= before) continue;
            find(path,
                 login.text() + " has " + std::string(access_name(way.access)) + " access in Gerve already" +
                     (way.via.empty() ? "" : ", by " + way.via) + ", and keeps it (`gerve access review " +
                     path + "`)",
                 ImportEffect::more, {{one.old_name, login.text(), before, way.access}});
        }
    }

    void add_grant(const RepoPath& path, const PlannedGrant& grant, const std::vector<GrantRecord>& there) {
        const GrantHolder holder =
            grant.is_team ? GrantHolder(TeamPath{plan_.owner, grant.holder}) : GrantHolder(grant.holder);
        const std::string name = std::visit([](const auto& one) { return one.text(); }, holder);
        Access before = Access::none;
        for (const GrantRecord& one : there) {
            if (fold_case(one.holder) == fold_case(name)) before = one.access;
        }
        if (before >= grant.access) return;
        const std::string level(access_name(grant.access));
        add("access grant", path.text() + " " + name + " " + level,
            {{"repo", path.text()},
             {grant.is_team ? "team" : "user", name},
             {"before", std::string(access_name(before))},
             {"after", level}},
            [path, holder, access = grant.access](Registry& registry) {
                return registry.grant_access(path, holder, access);
            });
    }

    template <class Change>
    void add(std::string command, std::string arguments,
             std::vector<std::pair<std::string, std::string>> details, Change change) {
        steps_.push_back({std::move(command), std::move(arguments), std::move(details),
                          [change](Registry& registry) { return without_value(change(registry)); }});
    }

    void find(std::string what, std::string why, ImportEffect effect, std::vector<AccessCase> cases = {}) {
        findings_.push_back({{"Gerve", 0}, std::move(what), std::move(why), effect, std::move(cases)});
    }

    Site& site_;
    const GitolitePlan& plan_;
    AccountState accounts_;
    TeamMembers teams_;  // those that can be used
    ImportSteps steps_;  // after those of accounts_
    ImportFindings findings_;
    GitoliteTakeover out_;
};

}  // namespace

GitoliteTakeover compare_with_site(Site& site, const GitolitePlan& plan) {
    return Comparison(site, plan).make();
}

}  // namespace gerve

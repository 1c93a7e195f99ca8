#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement insert_account{
    "insert-account", "INSERT INTO accounts (login, login_folded, kind, created_at) VALUES (?, ?, ?, ?)"};
constexpr Statement select_accounts{"list-accounts",
                                    "SELECT id, login, kind, created_at, suspended_at FROM accounts"
                                    " WHERE alias_of IS NULL ORDER BY login_folded"};
constexpr Statement set_suspended{
    "suspend-account", "UPDATE accounts SET suspended_at = ? WHERE id = ? AND suspended_at IS NULL"};
constexpr Statement clear_suspended{
    "unsuspend-account", "UPDATE accounts SET suspended_at = NULL WHERE id = ? AND suspended_at IS NOT NULL"};

constexpr Statement insert_org_member{"insert-org-member",
                                      "INSERT INTO org_members (org_id, account_id, role) VALUES (?, ?, ?)"};
constexpr Statement delete_org_member{"delete-org-member",
                                      "DELETE FROM org_members WHERE org_id = ? AND account_id = ?"};
constexpr Statement delete_from_teams{"delete-from-teams",
                                      "DELETE FROM team_members WHERE account_id = ?"
                                      " AND team_id IN (SELECT id FROM teams WHERE org_id = ?)"};
constexpr Statement find_org_role{"find-org-role",
                                  "SELECT role FROM org_members WHERE org_id = ? AND account_id = ?"};
constexpr Statement select_org_members{"list-org-members",
                                       "SELECT a.login, m.role FROM org_members m"
                                       " JOIN accounts a ON a.id = m.account_id WHERE m.org_id = ?"
                                       " ORDER BY a.login_folded"};

constexpr Statement insert_team{
    "insert-team", "INSERT INTO teams (org_id, name, name_folded, created_at) VALUES (?, ?, ?, ?)"};
constexpr Statement delete_team_members{"delete-team-members", "DELETE FROM team_members WHERE team_id = ?"};
constexpr Statement delete_team_grants{"delete-team-grants", "DELETE FROM team_repos WHERE team_id = ?"};
constexpr Statement delete_team{"delete-team", "DELETE FROM teams WHERE id = ?"};
constexpr Statement select_teams{"list-teams",
                                 "SELECT t.id, t.name, t.created_at FROM teams t"
                                 " WHERE t.org_id = ? ORDER BY t.name_folded"};
constexpr Statement select_team_members{"list-team-members",
                                        "SELECT tm.team_id, a.login FROM teams t"
                                        " JOIN team_members tm ON tm.team_id = t.id"
                                        " JOIN accounts a ON a.id = tm.account_id WHERE t.org_id = ?"
                                        " ORDER BY a.login_folded"};
constexpr Statement insert_team_member{"insert-team-member",
                                       "INSERT INTO team_members (team_id, account_id) VALUES (?, ?)"};
constexpr Statement delete_team_member{"delete-team-member",
                                       "DELETE FROM team_members WHERE team_id = ? AND account_id = ?"};

std::string kind_noun(AccountKind kind) {
    return kind == AccountKind::user ? "a user" : "an organisation";
}

// Nothing: no member.
Result<std::optional<OrgRole>> role_of(Database& database, AccountId organization, AccountId user) {
    return read_one<OrgRole>(
        database, find_org_role, {number_of(organization), number_of(user)},
        [](RowReader& row) { return std::optional(static_cast<OrgRole>(row.integer_within(1, 2))); });
}

Result<void> put_org_member(Database& database, AccountId organization, AccountId user, OrgRole role) {
    const auto removed = database.execute(delete_org_member, {number_of(organization), number_of(user)});
    if (!removed) return pass_on(removed);
    const auto added = must_change(database, insert_org_member,
                                   {number_of(organization), number_of(user), std::int64_t(role)},
                                   "the organisation's members were changed at the same time: try again");
    if (!added) return pass_on(added);
    return {};
}

}  // namespace

Result<Added<AccountRecord>> Registry::add_account(const Login& login, AccountKind kind) {
    const auto added = change_in_turn(
        database_, insert_account,
        {std::string_view(login.text()), std::string_view(login.folded()), std::int64_t(kind), clock_()});
    if (!added && added.error().kind != ErrorKind::client) return pass_on(added);
    const auto name = find_name(database_, login);
    if (!name) return pass_on(name);
    if (*name && (*name)->alias_of) {
        const std::string now = (*name)->now ? (*name)->now->text() : "?";
        return client_error(login.text() + " is reserved: it is another name of " + now +
                            "; `gerve user remove " + login.text() +
                            "` frees it, but its old URLs then stop working");
    }
    const auto there = need_account(database_, login);
    if (!there) return pass_on(there);
    if (added || there->kind == kind) return Added<AccountRecord>{*there, !added};
    return client_error("there is already " + kind_noun(there->kind) + " called " + there->login.text());
}

Result<std::vector<AccountRecord>> Registry::list_accounts() {
    return read_all<AccountRecord>(database_, select_accounts, {}, read_account);
}

Result<AccountRecord> Registry::show_account(const Login& login) {
    return need_account(database_, login);
}

Result<void> Registry::suspend_account(const Login& login) {
    const auto account = need_user(database_, login);
    if (!account) return pass_on(account);
    const auto changed = must_change(database_, set_suspended, {clock_(), number_of(account->id)},
                                     account->login.text() + " is already suspended");
    if (!changed) return pass_on(changed);
    return {};
}

Result<void> Registry::unsuspend_account(const Login& login) {
    const auto account = need_user(database_, login);
    if (!account) return pass_on(account);
    const auto changed = must_change(database_, clear_suspended, {number_of(account->id)},
                                     account->login.text() + " is not suspended");
    if (!changed) return pass_on(changed);
    return {};
}

Result<Outcome> Registry::set_org_member(const Login& organization, const Login& user, OrgRole role) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto org = need_organization(database_, organization);
    if (!org) return pass_on(org);
    const auto member = need_user(database_, user);
    if (!member) return pass_on(member);
    const auto before = role_of(database_, org->id, member->id);
    if (!before) return pass_on(before);
    if (*before == role) return Outcome::already;
    if (auto put = put_org_member(database_, org->id, member->id, role); !put) return pass_on(put);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

Result<void> Registry::remove_org_member(const Login& organization, const Login& user) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto org = need_organization(database_, organization);
    if (!org) return pass_on(org);
    const auto member = need_user(database_, user);
    if (!member) return pass_on(member);
    const auto left = database_.execute(delete_from_teams, {number_of(member->id), number_of(org->id)});
    if (!left) return pass_on(left);
    const auto removed =
        must_change(database_, delete_org_member, {number_of(org->id), number_of(member->id)},
                    member->login.text() + " is not a member of " + org->login.text());
    if (!removed) return pass_on(removed);
    return transaction->commit();
}

Result<std::vector<OrgMemberRecord>> Registry::list_org_members(const Login& organization) {
    const auto org = need_organization(database_, organization);
    if (!org) return pass_on(org);
    return read_all<OrgMemberRecord>(database_, select_org_members, {number_of(org->id)},
                                     [](RowReader& row) -> std::optional<OrgMemberRecord> {
                                         auto login = row.text_as(Login::parse);
                                         const auto role = static_cast<OrgRole>(row.integer_within(1, 2));
                                         if (!row.good()) return std::nullopt;
                                         return OrgMemberRecord{std::move(*login), role};
                                     });
}

Result<Outcome> Registry::add_team(const TeamPath& team) {
    const auto org = need_organization(database_, team.organization);
    if (!org) return pass_on(org);
    const auto added = change_in_turn(database_, insert_team,
                                      {number_of(org->id), std::string_view(team.name.text()),
                                       std::string_view(team.name.folded()), clock_()});
    if (added) return Outcome::done;
    if (added.error().kind != ErrorKind::client) return pass_on(added);
    if (const auto there = need_team(database_, team); !there) return pass_on(there);
    return Outcome::already;
}

Result<void> Registry::remove_team(const TeamPath& team) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto id = need_team(database_, team);
    if (!id) return pass_on(id);
    for (const Statement& statement : {delete_team_members, delete_team_grants, delete_team}) {
        if (const auto done = database_.execute(statement, {*id}); !done) return pass_on(done);
    }
    return transaction->commit();
}

Result<std::vector<TeamRecord>> Registry::list_teams(const Login& organization) {
    const auto org = need_organization(database_, organization);
    if (!org) return pass_on(org);
    std::vector<std::int64_t> ids;
    auto teams = read_all<TeamRecord>(database_, select_teams, {number_of(org->id)},
                                      [&](RowReader& row) -> std::optional<TeamRecord> {
                                          ids.push_back(row.integer());
                                          auto name = row.text_as(Login::parse);
                                          const auto created = row.integer();
                                          if (!row.good()) return std::nullopt;
                                          return TeamRecord{{org->login, std::move(*name)}, created, {}};
                                      });
    if (!teams) return teams;
    const auto members = read_all<std::pair<std::int64_t, Login>>(
        database_, select_team_members, {number_of(org->id)},
        [](RowReader& row) -> std::optional<std::pair<std::int64_t, Login>> {
            const auto team = row.integer();
            auto login = row.text_as(Login::parse);
            if (!row.good()) return std::nullopt;
            return std::pair(team, std::move(*login));
        });
    if (!members) return pass_on(members);
    for (const auto& [team, login] : *members) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (ids[i] == team) (*teams)[i].members.push_back(login);
        }
    }
    return teams;
}

Result<Outcome> Registry::add_team_member(const TeamPath& team, const Login& user) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto org = need_organization(database_, team.organization);
    if (!org) return pass_on(org);
    const auto id = need_team(database_, team);
    if (!id) return pass_on(id);
    const auto member = need_user(database_, user);
    if (!member) return pass_on(member);
    const auto known = role_of(database_, org->id, member->id);
    if (!known) return pass_on(known);
    if (!*known) {
        if (auto put = put_org_member(database_, org->id, member->id, OrgRole::member); !put)
            return pass_on(put);
    }
    const auto added = database_.execute(insert_team_member, {*id, number_of(member->id)});
    if (!added && added.error().kind != ErrorKind::client) return pass_on(added);
    if (!added && *known) return Outcome::already;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

Result<void> Registry::remove_team_member(const TeamPath& team, const Login& user) {
    const auto id = need_team(database_, team);
    if (!id) return pass_on(id);
    const auto member = need_user(database_, user);
    if (!member) return pass_on(member);
    const auto removed = must_change(database_, delete_team_member, {*id, number_of(member->id)},
                                     member->login.text() + " is not a member of " + team.text());
    if (!removed) return pass_on(removed);
    return {};
}

}  // namespace gerve

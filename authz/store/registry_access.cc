#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement find_collaborator{"find-collaborator",
                                      "SELECT level FROM collaborators WHERE repo_id = ? AND account_id = ?"};
constexpr Statement find_team_grant{"find-team-grant",
                                    "SELECT level FROM team_repos WHERE repo_id = ? AND team_id = ?"};
constexpr Statement insert_collaborator{
    "insert-collaborator", "INSERT INTO collaborators (repo_id, account_id, level) VALUES (?, ?, ?)"};
constexpr Statement delete_collaborator{"delete-collaborator",
                                        "DELETE FROM collaborators WHERE repo_id = ? AND account_id = ?"};
constexpr Statement insert_team_grant{"insert-team-grant",
                                      "INSERT INTO team_repos (repo_id, team_id, level) VALUES (?, ?, ?)"};
constexpr Statement delete_team_grant{"delete-team-grant",
                                      "DELETE FROM team_repos WHERE repo_id = ? AND team_id = ?"};

constexpr Statement select_collaborators{"list-collaborators",
                                         "SELECT a.login, c.level FROM collaborators c"
                                         " JOIN accounts a ON a.id = c.account_id WHERE c.repo_id = ?"
                                         " ORDER BY a.login_folded"};
constexpr Statement select_team_grants{"list-team-grants",
                                       "SELECT o.login, t.name, tr.level FROM team_repos tr"
                                       " JOIN teams t ON t.id = tr.team_id JOIN accounts o ON o.id = t.org_id"
                                       " WHERE tr.repo_id = ? ORDER BY o.login_folded, t.name_folded"};

// The rows that one grant stands in, whoever holds it.
struct GrantPlace {
    const Statement& find;
    const Statement& insert;
    const Statement& remove;
    std::int64_t holder;
    std::string name;
};

Result<GrantPlace> place_of(Database& database, const RepositoryRecord& repository, const Login& login) {
    const auto account = need_account(database, login);
    if (!account) return pass_on(account);
    if (account->kind == AccountKind::organization) {
        return client_error(account->login.text() + " is an organisation: give access to one of its teams, " +
                            account->login.text() + "/TEAM");
    }
    if (account->id == repository.owner) {
        return client_error(account->login.text() + " owns " + repository.path.text() +
                            " and needs no grant");
    }
    return GrantPlace{find_collaborator, insert_collaborator, delete_collaborator, number_of(account->id),
                      account->login.text()};
}

Result<GrantPlace> place_of(Database& database, const RepositoryRecord&, const TeamPath& team) {
    const auto id = need_team(database, team);
    if (!id) return pass_on(id);
    return GrantPlace{find_team_grant, insert_team_grant, delete_team_grant, *id, team.text()};
}

}  // namespace

Result<Outcome> Registry::grant_access(const RepoPath& repo, const GrantHolder& holder, Access access) {
    if (access == Access::none) return client_error("a grant gives read, write or admin");
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto record = need_repository(database_, repo);
    if (!record) return pass_on(record);
    const auto place = std::visit([&](const auto& who) { return place_of(database_, *record, who); }, holder);
    if (!place) return pass_on(place);
    const std::int64_t id = number_of(record->id);
    const auto before = read_one<std::int64_t>(
        database_, place->find, {id, place->holder},
        [](RowReader& row) { return std::optional<std::int64_t>(row.integer_within(1, 3)); });
    if (!before) return pass_on(before);
    if (*before == std::int64_t(access)) return Outcome::already;
    if (*before) {
        const auto removed = database_.execute(place->remove, {id, place->holder});
        if (!removed) return pass_on(removed);
    }
    const auto added = must_change(database_, place->insert, {id, place->holder, std::int64_t(access)},
                                   "access was changed at the same time: try again");
    if (!added) return pass_on(added);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

Result<void> Registry::revoke_access(const RepoPath& repo, const GrantHolder& holder) {
    const auto record = need_repository(database_, repo);
    if (!record) return pass_on(record);
    const auto place = std::visit([&](const auto& who) { return place_of(database_, *record, who); }, holder);
    if (!place) return pass_on(place);
    const auto removed = must_change(database_, place->remove, {number_of(record->id), place->holder},
                                     place->name + " has no grant on " + record->path.text());
    if (!removed) return pass_on(removed);
    return {};
}

Result<std::vector<GrantRecord>> Registry::list_access(const RepoPath& repo) {
    const auto record = need_repository(database_, repo);
    if (!record) return pass_on(record);
    const auto read_level = [](RowReader& row) { return static_cast<Access>(row.integer_within(1, 3)); };
    auto grants = read_all<GrantRecord>(database_, select_collaborators, {number_of(record->id)},
                                        [&](RowReader& row) -> std::optional<GrantRecord> {
                                            std::string login = row.text();
                                            return GrantRecord{std::move(login), read_level(row)};
                                        });
    if (!grants) return grants;
    auto teams = read_all<GrantRecord>(database_, select_team_grants, {number_of(record->id)},
                                       [&](RowReader& row) -> std::optional<GrantRecord> {
                                           std::string name = row.text() + "/";
                                           name += row.text();
                                           return GrantRecord{std::move(name), read_level(row)};
                                       });
    if (!teams) return teams;
    for (GrantRecord& grant : *teams) grants->push_back(std::move(grant));
    return grants;
}

}  // namespace gerve

#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement find_account{
    "find-account",
    "SELECT a.id, a.login, a.kind, a.created_at, a.suspended_at, a.alias_of, a.renaming_to, o.login,"
    " o.renaming_to FROM accounts a LEFT JOIN accounts o ON o.id = a.alias_of WHERE a.login_folded = ?"};

constexpr Statement find_team{"find-team",
                              "SELECT t.id FROM teams t JOIN accounts o ON o.id = t.org_id"
                              " WHERE o.login_folded = ? AND t.name_folded = ?"};

constexpr Statement find_repository{
    "find-repository",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.created_at, r.archived_at, r.disabled_at, r.kind"
    " FROM accounts o JOIN repositories r ON r.owner_id = o.id WHERE o.login_folded = ? AND r.name_folded = "
    "?"};

constexpr Statement find_new_name{
    "find-new-name",
    "SELECT o.login, r.name FROM accounts was"
    " JOIN repo_redirects d ON d.owner_id = was.id"
    " JOIN repositories r ON r.id = d.repo_id JOIN accounts o ON o.id = r.owner_id"
    " WHERE was.login_folded = ? AND d.name_folded = ?"};

std::optional<RepoPath> read_path(RowReader& row) {
    auto owner = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    if (!row.good()) return std::nullopt;
    return RepoPath(std::move(*owner), std::move(*name));
}

std::string_view add_command(AccountKind kind) {
    return kind == AccountKind::user ? "`gerve user add LOGIN`" : "`gerve user add LOGIN --org`";
}

Result<AccountRecord> need_kind(Database& database, const Login& login, AccountKind kind) {
    auto account = need_account(database, login);
    if (!account || account->kind == kind) return account;
    return client_error(account->login.text() + (kind == AccountKind::user
                                                     ? " is an organisation, not a user"
                                                     : " is a user, not an organisation"));
}

}  // namespace

Bind bind_of(const std::optional<std::int64_t>& number) {
    return number ? Bind(*number) : Bind();
}

Result<void> run(Database& database, const Statement& statement, Binds binds) {
    const auto done = database.execute(statement, binds);
    if (!done) return pass_on(done);
    return {};
}

std::optional<AccountRecord> read_account(RowReader& row) {
    const auto id = row.integer();
    auto login = row.text_as(Login::parse);
    const auto kind = static_cast<AccountKind>(row.integer_within(1, 2));
    const auto created = row.integer();
    const auto suspended = row.maybe_integer();
    if (!row.good()) return std::nullopt;
    return AccountRecord{AccountId{id}, std::move(*login), kind, created, suspended};
}

std::optional<RepositoryRecord> read_repository_record(RowReader& row) {
    const auto id = row.integer();
    const auto owner = row.integer();
    auto path = read_path(row);
    const bool is_public = row.flag();
    const auto created = row.integer();
    const auto archived = row.maybe_integer();
    const auto disabled = row.maybe_integer();
    const auto kind = static_cast<RepositoryKind>(row.integer_within(1, 2));
    if (!path || !row.good()) return std::nullopt;
    return RepositoryRecord{RepoId{id}, std::move(*path), AccountId{owner}, is_public,
                            created,    archived,         disabled,         kind};
}

Result<std::optional<NameRecord>> find_name(Database& database, const Login& login) {
    return read_one<NameRecord>(database, find_account, {std::string_view(login.folded())},
                                [](RowReader& row) -> std::optional<NameRecord> {
                                    auto account = read_account(row);
                                    if (!account) return std::nullopt;
                                    NameRecord name{std::move(*account), row.maybe_integer(),
                                                    row.maybe_integer(), std::nullopt, false};
                                    if (!name.alias_of) {
                                        row.skip(2);
                                        return name;
                                    }
                                    auto now = row.text_as(Login::parse);
                                    if (!now) return std::nullopt;
                                    name.now = std::move(*now);
                                    name.is_pending = row.maybe_integer() == number_of(name.account.id);
                                    return name;
                                });
}

Result<AccountRecord> need_account(Database& database, const Login& login) {
    auto found = find_name(database, login);
    if (!found) return pass_on(found);
    if (*found && !(*found)->alias_of) return std::move((*found)->account);
    if (*found) {
        const std::string name = (*found)->account.login.text();
        const std::string now = (*found)->now ? (*found)->now->text() : "?";
        if ((*found)->is_pending)
            return client_error(now + " is being renamed to " + name + ": `gerve user rename " + now + " " +
                                name + "` finishes it");
        return client_error(name + " is now called " + now);
    }
    return client_error("there is no account '" + login.text() + "': add it with " +
                        std::string(add_command(AccountKind::user)));
}

Result<AccountRecord> need_user(Database& database, const Login& login) {
    return need_kind(database, login, AccountKind::user);
}

Result<AccountRecord> need_organization(Database& database, const Login& login) {
    return need_kind(database, login, AccountKind::organization);
}

Result<std::int64_t> need_team(Database& database, const TeamPath& team) {
    const std::string_view organization = team.organization.folded();
    const std::string_view name = team.name.folded();
    const auto found = read_one<std::int64_t>(database, find_team, {organization, name},
                                              [](RowReader& row) { return std::optional(row.integer()); });
    if (!found) return pass_on(found);
    if (*found) return **found;
    return client_error("there is no team '" + team.text() + "': add it with `gerve team add ORG/TEAM`");
}

Result<std::optional<RepoPath>> find_new_path(Database& database, const RepoPath& was) {
    return read_one<RepoPath>(database, find_new_name,
                              {std::string_view(was.owner().folded()), std::string_view(was.name().folded())},
                              read_path);
}

Result<RepositoryRecord> need_repository(Database& database, const RepoPath& repo) {
    const std::string_view owner = repo.owner().folded();
    const std::string_view name = repo.name().folded();
    auto found = read_one<RepositoryRecord>(database, find_repository, {owner, name}, read_repository_record);
    if (!found) return pass_on(found);
    if (*found) return std::move(**found);
    const auto moved = find_new_path(database, repo);
    if (!moved) return pass_on(moved);
    if (*moved) return client_error(repo.text() + " is now called " + (*moved)->text());
    return client_error("there is no repository '" + repo.text() +
                        "': create it with `gerve repo create OWNER/NAME`");
}

Result<Change> change_in_turn(Database& database, const Statement& statement, Binds binds) {
    if (database.in_transaction()) return database.execute(statement, binds);
    auto transaction = Transaction::begin(database);
    if (!transaction) return pass_on(transaction);
    auto change = database.execute(statement, binds);
    if (!change) return change;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return change;
}

Result<Change> must_change(Database& database, const Statement& statement, Binds binds,
                           const std::string& refusal) {
    auto change = change_in_turn(database, statement, binds);
    if (change && change->rows > 0) return change;
    if (!change && change.error().kind != ErrorKind::client) return change;
    return fail(ErrorKind::client, refusal, change ? "" : change.error().detail);
}

}  // namespace gerve

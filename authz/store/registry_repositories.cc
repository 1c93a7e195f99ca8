#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement insert_repository{
    "insert-repository",
    "INSERT INTO repositories (owner_id, name, name_folded, is_public, created_at, kind)"
    " VALUES (?, ?, ?, ?, ?, ?)"};
constexpr Statement select_repositories{
    "list-repositories",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.created_at, r.archived_at, r.disabled_at, r.kind"
    " FROM repositories r JOIN accounts o ON o.id = r.owner_id ORDER BY o.login_folded, r.name_folded"};
constexpr Statement select_repositories_of_owner{
    "list-repositories-of-owner",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.created_at, r.archived_at, r.disabled_at, r.kind"
    " FROM accounts o JOIN repositories r ON r.owner_id = o.id WHERE o.id = ? ORDER BY r.name_folded"};

constexpr Statement set_archived{
    "archive-repository", "UPDATE repositories SET archived_at = ? WHERE id = ? AND archived_at IS NULL"};
constexpr Statement clear_archived{
    "unarchive-repository",
    "UPDATE repositories SET archived_at = NULL WHERE id = ? AND archived_at IS NOT NULL"};
constexpr Statement set_disabled{
    "disable-repository", "UPDATE repositories SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL"};
constexpr Statement clear_disabled{
    "enable-repository",
    "UPDATE repositories SET disabled_at = NULL WHERE id = ? AND disabled_at IS NOT NULL"};
constexpr Statement set_public{"set-repository-public",
                               "UPDATE repositories SET is_public = ? WHERE id = ? AND is_public <> ?"};
constexpr Statement set_path{"rename-repository",
                             "UPDATE repositories SET owner_id = ?, name = ?, name_folded = ? WHERE id = ?"};

constexpr Statement insert_redirect{
    "insert-redirect", "INSERT INTO repo_redirects (owner_id, name_folded, repo_id) VALUES (?, ?, ?)"};
constexpr Statement delete_redirect{"delete-redirect",
                                    "DELETE FROM repo_redirects WHERE owner_id = ? AND name_folded = ?"};

constexpr Statement find_server_of{
    "find-server-of",
    "SELECT s.name FROM routes t JOIN servers s ON s.id = t.server_id WHERE t.owner_id = ?"};
constexpr Statement delete_grant_of_owner{"delete-grant-of-owner",
                                          "DELETE FROM collaborators WHERE repo_id = ? AND account_id = ?"};
constexpr Statement delete_grants_of_teams{"delete-grants-of-teams",
                                           "DELETE FROM team_repos WHERE repo_id = ?"
                                           " AND team_id IN (SELECT id FROM teams WHERE org_id = ?)"};

// What hangs on a repository, and at last the repository: each takes its id.
constexpr Statement delete_whole_repository[] = {
    {"delete-key-use",
     "DELETE FROM key_last_used WHERE key_id IN (SELECT id FROM public_keys WHERE repo_id = ?)"},
    {"delete-deploy-keys", "DELETE FROM public_keys WHERE repo_id = ?"},
    {"delete-collaborators", "DELETE FROM collaborators WHERE repo_id = ?"},
    {"delete-team-repos", "DELETE FROM team_repos WHERE repo_id = ?"},
    {"delete-redirects", "DELETE FROM repo_redirects WHERE repo_id = ?"},
    {"delete-repository", "DELETE FROM repositories WHERE id = ?"},
};

// Sets or clears one of a repository's marks; `refusal` is said when it is so already.
Result<void> mark(Database& database, const RepoPath& repo, const Statement& statement,
                  std::optional<UnixMillis> time, const std::string& refusal) {
    const auto record = need_repository(database, repo);
    if (!record) return pass_on(record);
    const std::string told = record->path.text() + refusal;
    const std::int64_t id = number_of(record->id);
    const auto changed = time ? must_change(database, statement, {*time, id}, told)
                              : must_change(database, statement, {id}, told);
    if (!changed) return pass_on(changed);
    return {};
}

Result<std::string> server_of(Database& database, AccountId owner) {
    const auto name = read_one<std::string>(database, find_server_of, {number_of(owner)},
                                            [](RowReader& row) { return std::optional(row.text()); });
    if (!name) return pass_on(name);
    return name->value_or("");
}

// What changes beside the path when a repository goes to another owner: grants that would give the new owner
// less than he has, and those by which the old owner's teams would keep their access.
Result<void> hand_over(Database& database, const RepositoryRecord& repository, const AccountRecord& to) {
    const auto old_server = server_of(database, repository.owner);
    if (!old_server) return pass_on(old_server);
    const auto new_server = server_of(database, to.id);
    if (!new_server) return pass_on(new_server);
    if (*old_server != *new_server) {
        return client_error(to.login.text() + "'s repositories are on a different file server from " +
                            repository.path.text() + ": route both owners to the same server first");
    }
    const std::int64_t id = number_of(repository.id);
    if (auto done = run(database, delete_grant_of_owner, {id, number_of(to.id)}); !done) return done;
    return run(database, delete_grants_of_teams, {id, number_of(repository.owner)});
}

// Refuses an account that is being renamed: its repositories are being moved.
Result<AccountRecord> need_owner(Database& database, const Login& login) {
    const auto name = find_name(database, login);
    if (!name) return pass_on(name);
    if (*name && (*name)->renaming_to)
        return client_error(login.text() +
                            " is being renamed; if that was interrupted, `gerve user rename` finishes it");
    return need_account(database, login);
}

// The old name leads to the new one, unless they differ in case alone.
Result<void> leave_redirect(Database& database, const RepositoryRecord& from, const AccountRecord& owner,
                            const RepoPath& to) {
    const std::string_view new_name = to.name().folded();
    const std::string_view old_name = from.path.name().folded();
    if (auto done = run(database, delete_redirect, {number_of(owner.id), new_name}); !done) return done;
    if (from.owner == owner.id && old_name == new_name) return {};
    return run(database, insert_redirect, {number_of(from.owner), old_name, number_of(from.id)});
}

}  // namespace

Result<RepositoryRecord> Registry::create_repository(const RepoPath& repo, bool is_public,
                                                     RepositoryKind kind) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto owner = need_owner(database_, repo.owner());
    if (!owner) return pass_on(owner);
    const std::int64_t owner_id = number_of(owner->id);
    const std::string_view folded = repo.name().folded();
    const auto added = must_change(database_, insert_repository,
                                   {owner_id, std::string_view(repo.name().text()), folded,
                                    std::int64_t{is_public}, clock_(), static_cast<std::int64_t>(kind)},
                                   "there is already a repository " + repo.text());
    if (!added) return pass_on(added);
    if (auto done = run(database_, delete_redirect, {owner_id, folded}); !done) return pass_on(done);
    auto record = need_repository(database_, repo);
    if (!record) return record;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return record;
}

Result<std::vector<RepositoryRecord>> Registry::list_repositories(const std::optional<Login>& owner) {
    if (!owner) return read_all<RepositoryRecord>(database_, select_repositories, {}, read_repository_record);
    const auto account = need_account(database_, *owner);
    if (!account) return pass_on(account);
    return read_all<RepositoryRecord>(database_, select_repositories_of_owner, {number_of(account->id)},
                                      read_repository_record);
}

Result<RepositoryRecord> Registry::show_repository(const RepoPath& repo) {
    return need_repository(database_, repo);
}

Result<std::optional<RepoPath>> Registry::find_current_path(const RepoPath& was) {
    return find_new_path(database_, was);
}

Result<void> Registry::archive_repository(const RepoPath& repo) {
    return mark(database_, repo, set_archived, clock_(), " is already archived");
}
Result<void> Registry::unarchive_repository(const RepoPath& repo) {
    return mark(database_, repo, clear_archived, std::nullopt, " is not archived");
}
Result<void> Registry::disable_repository(const RepoPath& repo) {
    return mark(database_, repo, set_disabled, clock_(), " is already disabled");
}
Result<void> Registry::enable_repository(const RepoPath& repo) {
    return mark(database_, repo, clear_disabled, std::nullopt, " is not disabled");
}

Result<void> Registry::set_repository_public(const RepoPath& repo, bool is_public) {
    const auto record = need_repository(database_, repo);
    if (!record) return pass_on(record);
    const std::int64_t flag{is_public};
    const auto changed =
        must_change(database_, set_public, {flag, number_of(record->id), flag},
                    record->path.text() + (is_public ? " is already public" : " is already private"));
    if (!changed) return pass_on(changed);
    return {};
}

Result<RepositoryRecord> Registry::rename_repository(const RepoPath& from, const RepoPath& to) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto record = need_repository(database_, from);
    if (!record) return record;
    if (const auto old_owner = need_owner(database_, from.owner()); !old_owner) return pass_on(old_owner);
    const auto owner = need_owner(database_, to.owner());
    if (!owner) return pass_on(owner);
    if (owner->id == record->owner && to.name().text() == record->path.name().text()) {
        return client_error(record->path.text() + " already has that name");
    }
    if (owner->id != record->owner) {
        if (auto handed = hand_over(database_, *record, *owner); !handed) return pass_on(handed);
    }
    const auto renamed = must_change(database_, set_path,
                                     {number_of(owner->id), std::string_view(to.name().text()),
                                      std::string_view(to.name().folded()), number_of(record->id)},
                                     "there is already a repository " + to.text());
    if (!renamed) return pass_on(renamed);
    if (auto left = leave_redirect(database_, *record, *owner, to); !left) return pass_on(left);
    auto now = need_repository(database_, to);
    if (!now) return now;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return now;
}

Result<RepositoryRecord> Registry::delete_repository(const RepoPath& repo) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    auto record = need_repository(database_, repo);
    if (!record) return record;
    for (const Statement& statement : delete_whole_repository) {
        if (auto done = run(database_, statement, {number_of(record->id)}); !done) return pass_on(done);
    }
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return record;
}

}  // namespace gerve

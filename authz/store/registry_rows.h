// What the parts of Registry share: how its rows read, and the lookups that refuse with a remedy.
#pragma once

#include <string>
#include <utility>

#include "authz/store/database.h"
#include "authz/store/records.h"
#include "authz/store/row_reader.h"

namespace gerve {

// Reads each row by `read(RowReader&)`; the first that does not read makes the whole list unavailable.
template <class Record, class Read>
[[nodiscard]] Result<std::vector<Record>> read_all(Database& database, const Statement& statement,
                                                   Binds binds, Read read) {
    const auto rows = database.query(statement, binds);
    if (!rows) return pass_on(rows);
    std::vector<Record> records;
    records.reserve(rows->size());
    for (const Row& columns : *rows) {
        RowReader row(columns, statement);
        std::optional<Record> record = read(row);
        if (!record || !row.good()) return row.malformed();
        records.push_back(std::move(*record));
    }
    return records;
}

// As read_all for at most one row, nothing when there is none.
template <class Record, class Read>
[[nodiscard]] Result<std::optional<Record>> read_one(Database& database, const Statement& statement,
                                                     Binds binds, Read read) {
    auto records = read_all<Record>(database, statement, binds, read);
    if (!records) return pass_on(records);
    if (records->size() > 1) return unavailable(std::string(statement.name) + ": more than one row");
    if (records->empty()) return std::nullopt;
    return std::move(records->front());
}

// Nothing is NULL.
[[nodiscard]] Bind bind_of(const std::optional<std::int64_t>& number);

// A statement that has no rows to give.
[[nodiscard]] Result<void> run(Database& database, const Statement& statement, Binds binds);

// Each takes the columns of the SELECT beside it in this order.
//   account     id, login, kind, created_at, suspended_at
//   repository  id, owner's id, owner's login, name, is_public, created_at, archived_at, disabled_at,
//               kind
[[nodiscard]] std::optional<AccountRecord> read_account(RowReader& row);
[[nodiscard]] std::optional<RepositoryRecord> read_repository_record(RowReader& row);

// What a name stands for: an account, or a name besides its login that an account had or is being given.
struct NameRecord {
    AccountRecord account;  // the row of the name
    std::optional<std::int64_t> alias_of;
    std::optional<std::int64_t> renaming_to;
    std::optional<Login> now;  // of an alias: what the account is called
    bool is_pending = false;   // of an alias: the account is being renamed to it
};
[[nodiscard]] Result<std::optional<NameRecord>> find_name(Database& database, const Login& login);

// Errors: client (there is none such, and how to make one; or it is of the other kind), unavailable.
[[nodiscard]] Result<AccountRecord> need_account(Database& database, const Login& login);
[[nodiscard]] Result<AccountRecord> need_user(Database& database, const Login& login);
[[nodiscard]] Result<AccountRecord> need_organization(Database& database, const Login& login);
[[nodiscard]] Result<std::int64_t> need_team(Database& database, const TeamPath& team);
// Where a redirect of this name leads.
[[nodiscard]] Result<std::optional<RepoPath>> find_new_path(Database& database, const RepoPath& was);
// By its name now: a name it had is refused, telling the new one.
[[nodiscard]] Result<RepositoryRecord> need_repository(Database& database, const RepoPath& repo);

[[nodiscard]] Result<KeyRecord> need_key(Database& database, const Fingerprint& fingerprint);

// A title that a file declares may hold any UTF-8, at most as much as the column takes. Error: client.
[[nodiscard]] Result<void> check_declared_title(std::string_view title);

// Only a FIDO key can do without a touch. Error: client.
[[nodiscard]] Result<void> check_no_touch(std::string_view algorithm, bool no_touch_required);

// Whether somebody ever logged in by a key, as far as it is known here; see Registry::add_key.
[[nodiscard]] Result<bool> was_used(Database& database, const KeyRecord& key);

// Runs a change that is whole in itself, but not while another holds the write lock of a Transaction: what
// that one has read stays so until it ends.
[[nodiscard]] Result<Change> change_in_turn(Database& database, const Statement& statement, Binds binds);

// The same; refused with `refusal` when it changed no row, or when a constraint stood against it.
[[nodiscard]] Result<Change> must_change(Database& database, const Statement& statement, Binds binds,
                                         const std::string& refusal);

}  // namespace gerve

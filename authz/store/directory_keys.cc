#include <algorithm>

#include "authz/store/directory.h"
#include "authz/store/directory_statements.h"
#include "authz/store/forge_schema.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

std::optional<OwnKey> read_own_key(RowReader& row) {
    auto fingerprint = row.text_as(Fingerprint::parse_bytes);
    if (!fingerprint) return std::nullopt;
    OwnKey key{std::move(*fingerprint), {}, 0, {}, {}, {}};
    key.title = row.text();
    key.created = row.integer();
    key.expires = row.maybe_integer();
    key.revoked = row.maybe_integer();
    key.last_used = row.maybe_integer();
    return key;
}

}  // namespace

Result<std::vector<OwnKey>> Directory::list_keys(AccountId user, std::size_t most) {
    if (!database_.has_own_tables()) return client_error("keys are kept in another program's tables");
    const Turn turn(turns_, StatementKind::own_keys);
    if (!turn.taken()) return no_turn(StatementKind::own_keys);
    return read_all<OwnKey>(database_, directory_sql::own_keys_statement,
                            {number_of(user), static_cast<std::int64_t>(most)}, read_own_key);
}

// Another program's tables know no policies.
Result<Directory::StrictestPolicy> Directory::find_strictest_policy(const KeyHolder& holder) {
    if (!database_.has_own_tables()) return StrictestPolicy{};
    const Statement& statement = is_deploy_key(holder) ? directory_sql::policy_of_deploy_key_statement
                                                       : directory_sql::strictest_policy_statement;
    const std::int64_t id = number_of(holder);
    const auto rows = is_deploy_key(holder) ? ask(StatementKind::permission, statement, {id})
                                            : ask(StatementKind::permission, statement, {id, id});
    if (!rows) return pass_on(rows);
    StrictestPolicy strictest;
    for (const Row& columns : *rows) {
        RowReader row(columns, statement);
        strictest.touch = std::max(strictest.touch, static_cast<AskedFor>(row.integer_within(0, 2)));
        strictest.pin = std::max(strictest.pin, static_cast<AskedFor>(row.integer_within(0, 2)));
        if (!row.good()) return row.malformed();
    }
    return strictest;
}

Result<void> Directory::answers() {
    const std::string nobody(32, '\0');
    if (const ForgeTables* tables = forge()) {
        const std::string text = Fingerprint::parse_bytes(nobody).value().text();
        return without_value(ask(StatementKind::key, tables->statements.key(), {std::string_view(text)}));
    }
    return without_value(ask(StatementKind::key, directory_sql::key_statement, {BlobView{nobody}}));
}

}  // namespace gerve

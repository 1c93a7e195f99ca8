// What a forge's tables say: rows as facts, one indexed statement each.
#include "authz/base/clock.h"
#include "authz/store/directory_answers.h"
#include "authz/store/forge_schema.h"
#include "authz/store/row_reader.h"

namespace gerve {
namespace {

constexpr std::int64_t forge_deploy_type = 2;  // of public_key
constexpr std::int64_t highest_mode = 4;

struct ForgeKeyRow {
    KeyId id;
    std::int64_t type = 0;
    std::string title;
    std::string content;
};

// Whether the row's key is that one. Some forge has stored it with its comment.
bool is_key(const ForgeKeyRow& row, const Fingerprint& fingerprint, const std::string* blob) {
    const auto end = row.content.find_last_not_of(" \r\n");
    const auto key = PublicKey::parse_line(std::string_view(row.content).substr(0, end + 1));
    if (!key) return false;
    return blob != nullptr ? key->blob() == *blob : key->fingerprint() == fingerprint;
}

// Nothing: its user does not exist any more.
Result<std::optional<KeyHolder>> read_forge_holder(RowReader& row, const ForgeKeyRow& key) {
    if (key.type == forge_deploy_type) return SharedDeployKey{key.id, key.title};
    if (row.next_is_null()) return std::nullopt;
    const AccountId id{row.integer()};
    auto login = row.text_as(Login::parse);
    const bool is_active = row.flag();
    const bool prohibits_login = row.flag();
    if (!row.good()) return row.malformed();
    return User{id, std::move(*login), !is_active || prohibits_login};
}

std::string read_email(RowReader& row) {
    const bool keeps_private = row.flag();
    const std::string& email = row.text();
    return keeps_private ? "" : email;
}

ForgeMode read_mode(RowReader& row) {
    return static_cast<ForgeMode>(row.integer_within(0, highest_mode));
}

Result<std::optional<ForgeRepository>> read_forge_repository(const Row& columns, const Statement& statement,
                                                             bool moved) {
    RowReader row(columns, statement);
    const auto id = row.integer();
    auto owner_name = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    ForgeOwner owner;
    owner.id = row.integer();
    owner.type = row.integer();
    owner.is_active = row.flag();
    owner.visibility = row.integer_within(forge_values::visible_to_all, forge_values::hidden_owner);
    owner.email = read_email(row);
    const bool is_private = row.flag();
    const bool is_archived = row.flag();
    const bool is_mirror = row.flag();
    const auto status = row.integer();
    const bool has_unit = row.maybe_integer().has_value();
    ForgeUnitRow unit;
    unit.default_permissions = read_mode(row);
    unit.everyone = read_mode(row);
    unit.anonymous = read_mode(row);
    if (!row.good()) return row.malformed();
    return ForgeRepository{id,
                           RepoPath(std::move(*owner_name), std::move(*name)),
                           std::move(owner),
                           is_private,
                           is_archived,
                           is_mirror,
                           status,
                           has_unit ? std::optional(unit) : std::nullopt,
                           moved};
}

Result<std::optional<ForgeUser>> read_forge_user(const Row& columns, const Statement& statement) {
    RowReader row(columns, statement);
    ForgeUser user;
    user.id = row.integer();
    user.name = row.text();
    user.email = read_email(row);
    user.type = row.integer();
    user.is_active = row.flag();
    user.prohibit_login = row.flag();
    user.is_admin = row.flag();
    user.is_restricted = row.flag();
    user.has_second_factor = row.integer() > 0;
    user.collaborates = row.maybe_integer().has_value();
    user.is_member = row.maybe_integer().has_value();
    if (row.next_is_null())
        row.skip();
    else
        user.access = read_mode(row);
    user.teams.count = row.integer();
    user.teams.authorize = read_mode(row);
    user.teams.unit_rows = row.integer();
    user.teams.unit_mode = read_mode(row);
    if (!row.good()) return row.malformed();
    return user;
}

}  // namespace

// A key may stand twice in tables of old: the first that was added counts, as it does for the forge.
Result<std::optional<KnownKey>> Directory::look_up_forge_key(const Fingerprint& key,
                                                             const std::string* blob) {
    const Statement statement = forge()->statements.key();
    const std::string text = key.text();
    const auto rows = ask(StatementKind::key, statement, {std::string_view(text)});
    if (!rows) return pass_on(rows);
    for (const Row& columns : *rows) {
        RowReader row(columns, statement);
        const KeyId id{row.integer()};
        const auto type = row.integer();
        const std::string& title = row.text();
        const ForgeKeyRow found{id, type, title, row.text()};
        if (!row.good()) return row.malformed();
        if (!is_key(found, key, blob)) continue;
        auto holder = read_forge_holder(row, found);
        if (!holder) return pass_on(holder);
        if (!*holder) return std::nullopt;
        return KnownKey{id, key, std::move(**holder)};
    }
    return std::nullopt;
}

// A repository may have two rows of one unit, which differ in nothing else.
Result<std::optional<ForgeRepository>> Directory::look_up_forge_repository(const Statement& statement,
                                                                           Binds binds, const RepoPath& path,
                                                                           bool moved) {
    const Stopwatch watch(counters_.times(moved ? Query::redirect : Query::repository));
    const auto found = [&]() -> Result<std::optional<ForgeRepository>> {
        const auto rows = ask(moved ? StatementKind::redirect : StatementKind::repository, statement, binds);
        if (!rows) return pass_on(rows);
        if (rows->empty()) return std::nullopt;
        return read_forge_repository(rows->front(), statement, moved);
    };
    return counted(moved ? Query::redirect : Query::repository, about(found(), path.text()));
}

Result<std::optional<ForgeRepository>> Directory::find_forge_repository(ForgeUnit unit,
                                                                        const RepoPath& path) {
    const std::string_view owner = path.owner().folded();
    const std::string_view name = path.name().folded();
    auto found = look_up_forge_repository(forge()->statements.repository(),
                                          {static_cast<std::int64_t>(unit), owner, name}, path, false);
    if (!found || *found || !forge()->rules.follows_redirects()) return found;
    return find_forge_redirect(unit, path);
}

Result<std::optional<ForgeRepository>> Directory::find_forge_redirect(ForgeUnit unit, const RepoPath& path) {
    const std::string_view owner = path.owner().folded();
    const std::string_view name = path.name().folded();
    return look_up_forge_repository(forge()->statements.redirect(),
                                    {static_cast<std::int64_t>(unit), owner, owner, name, name}, path, true);
}

Result<std::optional<ForgeUser>> Directory::find_forge_user(AccountId user, ForgeUnit unit,
                                                            const ForgeRepository* repository) {
    const std::int64_t who = number_of(user);
    const std::int64_t what = repository == nullptr ? 0 : repository->id;
    const std::int64_t owner = repository == nullptr ? 0 : repository->owner.id;
    const Statement statement = forge()->statements.user();
    const Stopwatch watch(counters_.times(Query::permission));
    const auto found = [&]() -> Result<std::optional<ForgeUser>> {
        const auto rows =
            ask(StatementKind::permission, statement,
                {what, who, owner, who, who, what, owner, what, static_cast<std::int64_t>(unit), who, who});
        if (!rows) return pass_on(rows);
        if (rows->empty()) return std::nullopt;
        return read_forge_user(rows->front(), statement);
    };
    return counted(Query::permission, about(found(), "user " + std::to_string(who)));
}

Result<std::optional<ForgeDeployKey>> Directory::find_forge_deploy_key(KeyId key,
                                                                       const ForgeRepository* repository) {
    const Statement statement = forge()->statements.deploy_key();
    const Stopwatch watch(counters_.times(Query::permission));
    const auto found = [&]() -> Result<std::optional<ForgeDeployKey>> {
        const auto rows = ask(StatementKind::permission, statement,
                              {number_of(key), repository == nullptr ? 0 : repository->id});
        if (!rows) return pass_on(rows);
        if (rows->empty()) return std::nullopt;
        RowReader row(rows->front(), statement);
        const auto id = row.integer();
        const ForgeMode mode = read_mode(row);
        if (!row.good()) return row.malformed();
        return ForgeDeployKey{id, mode};
    };
    return counted(Query::permission, about(found(), "key " + std::to_string(number_of(key))));
}

}  // namespace gerve

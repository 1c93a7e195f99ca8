#include "authz/store/directory.h"

#include "authz/base/clock.h"
#include "authz/store/directory_answers.h"
#include "authz/store/directory_statements.h"
#include "authz/store/row_reader.h"

namespace gerve {
namespace {

using namespace directory_sql;

// A statement for several keys that took longer is not followed by one for each: their askers wait.
constexpr std::int64_t split_within = 50;  // ms

Result<std::optional<Row>> at_most_one(Result<Rows> rows, const Statement& statement) {
    if (!rows) return pass_on(rows);
    if (rows->empty()) return std::nullopt;
    if (rows->size() > 1) return unavailable(std::string(statement.name) + ": more than one row");
    return std::move(rows->front());
}

Result<KeyHolder> read_user(RowReader& row, bool can_write) {
    const auto id = row.integer();
    auto login = row.text_as(Login::parse);
    const bool suspended = row.maybe_integer().has_value();
    if (!row.good()) return row.malformed();
    // A key of a user and of a repository at once, or a write flag on a user's key, is nothing we wrote.
    if (!row.next_is_null() || can_write)
        return unavailable("key: malformed row, a user's key with a deploy key's columns");
    return User{AccountId{id}, std::move(*login), suspended};
}

Result<KeyHolder> read_deploy_key(RowReader& row, bool can_write) {
    row.skip(3);
    const auto id = row.integer();
    auto owner = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    if (!row.good()) return row.malformed();
    return DeployKey{RepoId{id}, RepoPath(std::move(*owner), std::move(*name)), can_write};
}

// `blob`: what the row's has to be. A key with the same hash and another blob is not that key.
Result<std::optional<KnownKey>> read_key(const Row& columns, const Fingerprint& fingerprint,
                                         const std::string* blob, UnixMillis now) {
    RowReader row(columns, key_statement);
    const auto id = row.integer();
    const std::string& stored = row.text();
    const auto expires = row.maybe_integer();
    const auto revoked = row.maybe_integer();
    const bool can_write = row.flag();
    const bool no_touch_required = row.flag();
    // The blob that the fingerprint was made of needs no second digest.
    const bool same = blob != nullptr && *blob == stored;
    if (!row.good() || (!same && Fingerprint::of_blob(stored) != fingerprint)) return row.malformed();
    if (blob != nullptr && !same) return std::nullopt;
    if (revoked || (expires && *expires <= now)) return std::nullopt;
    auto owner = row.next_is_null() ? read_deploy_key(row, can_write) : read_user(row, can_write);
    if (!owner) return pass_on(owner);
    return KnownKey{KeyId{id}, fingerprint, std::move(*owner), no_touch_required};
}

Result<std::optional<Repository>> read_repository(const Row& columns, const Statement& statement,
                                                  bool moved) {
    RowReader row(columns, statement);
    const auto id = row.integer();
    const auto owner_id = row.integer();
    auto owner = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    const bool is_public = row.flag();
    const bool archived = row.maybe_integer().has_value();
    const bool disabled = row.maybe_integer().has_value();
    const auto kind = static_cast<RepositoryKind>(row.integer_within(1, 2));
    OwnSizeLimits limits;
    limits.push = row.maybe_size();
    limits.repository = row.maybe_size();
    limits.owner = row.maybe_size();
    const LoginPolicy policy = row.policy();
    GivenHooks hooks = row.hooks();
    if (!row.good()) return row.malformed();
    return Repository{RepoId{id},
                      RepoPath(std::move(*owner), std::move(*name)),
                      AccountId{owner_id},
                      is_public,
                      archived,
                      disabled,
                      moved,
                      limits,
                      kind,
                      policy,
                      std::move(hooks)};
}

Access read_level(RowReader& row) {
    if (row.next_is_null()) {
        row.skip();
        return Access::none;
    }
    return static_cast<Access>(row.integer_within(1, 3));
}

Result<Permission> read_permission(const Row& columns) {
    RowReader row(columns, permission_statement);
    Permission permission;
    permission.direct = read_level(row);
    permission.team = read_level(row);
    const auto role = row.maybe_integer();
    permission.hooks = row.hooks();
    if (!row.good() || (role && (*role < 1 || *role > 2))) return row.malformed();
    // Members of an organisation reach its repositories by teams; its owners own them all.
    if (role == 2) permission.organization = Access::admin;
    return permission;
}

}  // namespace

Result<Rows> Directory::ask(StatementKind kind, const Statement& statement, Binds binds) {
    const Turn turn(turns_, kind);
    if (!turn.taken()) return no_turn(kind);
    return database_.query(statement, binds);
}

// A deploy key's row ends with its repository's id; puts owner and name behind it. Another program's
// statement has told them already.
Result<void> Directory::name_repository(Row& row) {
    const auto* id = row.size() == 10 ? std::get_if<std::int64_t>(&row.back()) : nullptr;
    if (id == nullptr) return {};
    auto names = at_most_one(ask(StatementKind::deploy_key, key_repository_statement, {*id}),
                             key_repository_statement);
    if (!names) return pass_on(names);
    if (!*names) return unavailable("key: its repository does not exist");
    for (Column& name : **names) row.push_back(std::move(name));
    return {};
}

Result<std::optional<KnownKey>> Directory::look_up_key(const Fingerprint& key, const std::string* blob,
                                                       UnixMillis now) {
    const Stopwatch watch(counters_.times(Query::key));
    const auto found = [&]() -> Result<std::optional<KnownKey>> {
        if (database_.forge() != nullptr) return look_up_forge_key(key, blob);
        auto row =
            at_most_one(ask(StatementKind::key, key_statement, {BlobView{key.bytes()}}), key_statement);
        if (!row) return pass_on(row);
        if (!*row) return std::nullopt;
        if (auto named = name_repository(**row); !named) return pass_on(named);
        return read_key(**row, key, blob, now);
    };
    return about(found(), key.text());
}

// Rows come in any order, and one for all that ask for the same key. Error: of the statement as a whole.
Result<Directory::FoundKeys> Directory::look_up_keys(std::span<const PublicKey* const> keys, UnixMillis now) {
    using Found = Result<std::optional<KnownKey>>;
    const Stopwatch watch(counters_.times(Query::key));
    std::vector<Fingerprint> fingerprints;
    for (const PublicKey* key : keys) fingerprints.push_back(key->fingerprint());
    std::vector<Bind> binds;
    for (const Fingerprint& fingerprint : fingerprints) binds.emplace_back(BlobView{fingerprint.bytes()});
    auto rows = ask(StatementKind::key, several_keys_statement(keys.size()), binds);
    if (!rows) return pass_on(rows);
    FoundKeys found(keys.size(), Found(std::nullopt));
    std::vector<bool> seen(keys.size());
    for (Row& row : *rows) {
        const Column of = std::exchange(row.back(), {});
        row.pop_back();
        const auto named = name_repository(row);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (of != Column(fingerprints[i].bytes())) continue;
            found[i] = named ? read_key(row, fingerprints[i], &keys[i]->blob(), now) : Found(pass_on(named));
            if (seen[i]) found[i] = Found(unavailable("key: more than one row"));
            seen[i] = true;
        }
    }
    for (std::size_t i = 0; i < keys.size(); ++i)
        found[i] = about(std::move(found[i]), fingerprints[i].text());
    return found;
}

// One value that the database stumbles over spoils the answer of its own key alone: what fails together, at
// once and on a connection that is well, is asked again one by one.
Directory::FoundKeys Directory::find_keys(std::span<const PublicKey* const> keys, UnixMillis now) {
    FoundKeys found;
    const auto one_by_one = [&] {
        for (const PublicKey* key : keys) found.push_back(find_key(*key, now));
        return std::move(found);
    };
    if (keys.size() == 1 || !database_.has_own_tables()) return one_by_one();
    const std::int64_t start = monotonic_now();
    auto together = look_up_keys(keys, now);
    const bool splits = !together && !waits_for_turn(together.error()) && !database_.broken();
    if (splits && monotonic_now() - start < split_within) return one_by_one();
    if (!together) together = FoundKeys(keys.size(), Result<std::optional<KnownKey>>(pass_on(together)));
    for (auto& one : *together) found.push_back(counted(Query::key, std::move(one)));
    return found;
}

Result<std::optional<KnownKey>> Directory::find_key(const PublicKey& key, UnixMillis now) {
    return counted(Query::key, look_up_key(key.fingerprint(), &key.blob(), now));
}

Result<std::optional<KnownKey>> Directory::find_key(const Fingerprint& key, UnixMillis now) {
    return counted(Query::key, look_up_key(key, nullptr, now));
}

Result<std::optional<KnownKey>> Directory::find_key_again(const KnownKey& key, UnixMillis now) {
    return match(
        key.holder,
        [&](const CertifiedUser& certified) { return find_certificate_again(key, certified, now); },
        [&](const auto&) { return find_own_key_again(key, now); });
}

Result<std::optional<KnownKey>> Directory::find_own_key_again(const KnownKey& key, UnixMillis now) {
    auto found = counted(Query::key, look_up_key(key.fingerprint, nullptr, now));
    if (!found || !*found) return found;
    if ((*found)->id != key.id || !is_same_holder((*found)->holder, key.holder)) return std::nullopt;
    return found;
}

Result<std::optional<Repository>> Directory::look_up_repository(const Statement& statement,
                                                                const RepoPath& path, bool moved) {
    const std::string_view owner = path.owner().folded();
    const std::string_view name = path.name().folded();
    const Stopwatch watch(counters_.times(moved ? Query::redirect : Query::repository));
    const auto kind = moved ? StatementKind::redirect : StatementKind::repository;
    const auto found = [&]() -> Result<std::optional<Repository>> {
        const auto row = at_most_one(ask(kind, statement, {owner, name}), statement);
        if (!row) return pass_on(row);
        if (!*row) return std::nullopt;
        return read_repository(**row, statement, moved);
    };
    return about(found(), path.text());
}

Result<std::optional<Repository>> Directory::find_repository(const RepoPath& path) {
    auto found = counted(Query::repository, look_up_repository(repository_statement, path, false));
    if (!found || *found) return found;
    return find_redirect(path);
}

Result<std::optional<Repository>> Directory::find_redirect(const RepoPath& path) {
    return counted(Query::redirect, look_up_repository(redirect_statement, path, true));
}

Result<Permission> Directory::find_permission(std::optional<AccountId> account, const Repository& repository,
                                              std::optional<KeyId> key) {
    const Bind who = account ? Bind(number_of(*account)) : Bind();
    const std::int64_t what = number_of(repository.id);
    const std::int64_t owner = number_of(repository.owner);
    std::vector<Bind> binds{what, who, who, what, owner, who};
    if (database_.own_statement(permission_statement.name) != nullptr)
        binds.push_back(key ? Bind(number_of(*key)) : Bind());
    const Stopwatch watch(counters_.times(Query::permission));
    const auto row =
        at_most_one(ask(StatementKind::permission, permission_statement, binds), permission_statement);
    const auto permission = [&]() -> Result<Permission> {
        if (!row) return pass_on(row);
        if (!*row) return unavailable("permission: no row");
        return read_permission(**row);
    };
    return counted(
        Query::permission,
        about(permission(), (account ? "account " + std::to_string(number_of(*account)) : "a deploy key") +
                                ", " + repository.path.text()));
}

bool Directory::permission_may_give_hooks() const {
    const OwnQuery* own = database_.own_statement(permission_statement.name);
    return own != nullptr && own->may_name_hooks;
}

}  // namespace gerve

#include <algorithm>

#include "authz/base/text.h"
#include "authz/policy.h"
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

// Every way by which an account reaches repositories: 0 owner, 1 direct, 2 team, 3 organisation (its owners).
constexpr Statement select_reach{
    "list-reach",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.created_at, r.archived_at, r.disabled_at, r.kind,"
    " w.way, w.level, g.login, t.name FROM ("
    " SELECT id AS repo_id, 0 AS way, 3 AS level, NULL AS team_id FROM repositories WHERE owner_id = ?"
    " UNION ALL SELECT repo_id, 1, level, NULL FROM collaborators WHERE account_id = ?"
    " UNION ALL SELECT tr.repo_id, 2, tr.level, tr.team_id FROM team_members tm"
    " JOIN team_repos tr ON tr.team_id = tm.team_id WHERE tm.account_id = ?"
    " UNION ALL SELECT x.id, 3, 3, NULL FROM org_members m JOIN repositories x ON x.owner_id = m.org_id"
    " WHERE m.account_id = ? AND m.role = 2"
    ") w JOIN repositories r ON r.id = w.repo_id JOIN accounts o ON o.id = r.owner_id"
    " LEFT JOIN teams t ON t.id = w.team_id LEFT JOIN accounts g ON g.id = t.org_id"
    " ORDER BY o.login_folded, r.name_folded"};

// The keys of account a, at a time.
#define GERVE_ACCOUNT_KEYS                                                                    \
    " (SELECT COUNT(*) FROM public_keys k WHERE k.account_id = a.id AND k.revoked_at IS NULL" \
    " AND (k.expires_at IS NULL OR k.expires_at > ?)),"                                       \
    " (SELECT MAX(u.used_at) FROM public_keys k JOIN key_last_used u ON u.key_id = k.id"      \
    " WHERE k.account_id = a.id)"

// The same ways from the other end, and the organisation that they lead through is the repository's owner. An
// organisation that owns it is nobody that logs in.
constexpr Statement select_reachers{
    "list-reachers",
    "SELECT a.id, a.login, a.suspended_at," GERVE_ACCOUNT_KEYS
    ", w.way, w.level, g.login, t.name FROM ("
    " SELECT id AS account_id, 0 AS way, 3 AS level, NULL AS team_id FROM accounts WHERE id = ? AND kind = 1"
    " UNION ALL SELECT account_id, 1, level, NULL FROM collaborators WHERE repo_id = ?"
    " UNION ALL SELECT tm.account_id, 2, tr.level, tr.team_id FROM team_repos tr"
    " JOIN team_members tm ON tm.team_id = tr.team_id WHERE tr.repo_id = ?"
    " UNION ALL SELECT account_id, 3, 3, NULL FROM org_members WHERE org_id = ? AND role = 2"
    ") w JOIN accounts a ON a.id = w.account_id"
    " LEFT JOIN teams t ON t.id = w.team_id LEFT JOIN accounts g ON g.id = t.org_id"
    " ORDER BY a.login_folded"};

constexpr Statement select_account_keys{"account-keys",
                                        "SELECT" GERVE_ACCOUNT_KEYS " FROM accounts a WHERE a.id = ?"};

#undef GERVE_ACCOUNT_KEYS

constexpr Statement select_public{
    "list-public-repositories",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.created_at, r.archived_at, r.disabled_at, r.kind"
    " FROM repositories r JOIN accounts o ON o.id = r.owner_id"
    " WHERE r.is_public = 1 AND r.disabled_at IS NULL ORDER BY o.login_folded, r.name_folded"};

// `owner`: of the repository.
std::optional<AccessWay> read_way(RowReader& row, const Login& owner) {
    constexpr Rule rules[] = {Rule::owner, Rule::collaborator, Rule::team, Rule::organization};
    const auto way = row.integer_within(0, 3);
    const auto access = static_cast<Access>(row.integer_within(1, 3));
    if (!row.good()) return std::nullopt;
    std::string via = rules[way] == Rule::organization ? owner.text() : "";
    if (rules[way] == Rule::team) {
        via = row.text() + "/";
        via += row.text();
    }
    return AccessWay{access, rules[way], std::move(via)};
}

AccountKeys read_account_keys(RowReader& row) {
    const auto valid = row.integer();
    return {valid, row.maybe_integer()};
}

bool is_one(const RepositoryRecord& a, const RepositoryRecord& b) {
    return a.id == b.id;
}
bool is_one(const AccountReach& a, const AccountReach& b) {
    return a.account.id == b.account.id;
}

// Somebody or something, and the ways that its rows tell.
template <class Found>
struct WithWays {
    Found found;
    std::vector<AccessWay> ways;
};

// Puts together rows that stand together. `read` takes one, as a Found with one way.
template <class Found, class Read>
Result<std::vector<WithWays<Found>>> read_ways(Database& database, const Statement& statement, Binds binds,
                                               Read read) {
    auto rows = read_all<WithWays<Found>>(database, statement, binds, read);
    if (!rows) return rows;
    std::vector<WithWays<Found>> all;
    for (WithWays<Found>& row : *rows) {
        if (!all.empty() && is_one(all.back().found, row.found))
            all.back().ways.push_back(std::move(row.ways.front()));
        else
            all.push_back(std::move(row));
    }
    return all;
}

// The order in which decide() looks at them: ownership, then the strongest, and among equals the most direct.
bool comes_before(const AccessWay& a, const AccessWay& b) {
    if ((a.because == Rule::owner) != (b.because == Rule::owner)) return a.because == Rule::owner;
    if (a.access != b.access) return a.access > b.access;
    if (a.because != b.because) return a.because < b.because;
    return fold_case(a.via) < fold_case(b.via);
}

Permission permission_by(const std::vector<AccessWay>& ways) {
    Permission permission;
    const auto add = [](Access& to, Access access) { to = std::max(to, access); };
    for (const AccessWay& way : ways) {
        if (way.because == Rule::collaborator) add(permission.direct, way.access);
        if (way.because == Rule::team) add(permission.team, way.access);
        if (way.because == Rule::organization) add(permission.organization, way.access);
    }
    return permission;
}

Standing standing_of(const KeyHolder& holder, const RepositoryRecord& record, std::vector<AccessWay> ways) {
    const Repository repository{record.id,         record.path,       record.owner, record.is_public,
                                !!record.archived, !!record.disabled, false,        {},
                                record.kind};
    const Reach reach = reach_of(holder, repository, permission_by(ways));
    std::ranges::sort(ways, comes_before);
    return {access_now(reach.access, repository), reach.because, std::move(ways)};
}

Result<std::vector<ReachRecord>> find_reach(Database& database, const User& user) {
    const std::int64_t id = number_of(user.id);
    using Way = WithWays<RepositoryRecord>;
    auto all = read_ways<RepositoryRecord>(database, select_reach, {id, id, id, id},
                                           [](RowReader& row) -> std::optional<Way> {
                                               auto record = read_repository_record(row);
                                               if (!record) return std::nullopt;
                                               auto way = read_way(row, record->path.owner());
                                               if (!way) return std::nullopt;
                                               return Way{std::move(*record), {std::move(*way)}};
                                           });
    if (!all) return pass_on(all);
    std::vector<ReachRecord> reach;
    reach.reserve(all->size());
    for (auto& [record, ways] : *all) {
        Standing standing = standing_of(user, record, std::move(ways));
        reach.push_back({std::move(standing), std::move(record)});
    }
    return reach;
}

Result<std::vector<AccountReach>> find_reachers(Database& database, const RepositoryRecord& repository,
                                                UnixMillis now) {
    const std::int64_t id = number_of(repository.id);
    const std::int64_t owner = number_of(repository.owner);
    using Way = WithWays<AccountReach>;
    auto all = read_ways<AccountReach>(
        database, select_reachers, {now, owner, id, id, owner}, [&](RowReader& row) -> std::optional<Way> {
            const auto number = row.integer();
            auto login = row.text_as(Login::parse);
            const auto suspended = row.maybe_integer();
            const AccountKeys keys = read_account_keys(row);
            auto way = read_way(row, repository.path.owner());
            if (!login || !way) return std::nullopt;
            User user{AccountId{number}, std::move(*login), suspended.has_value()};
            return Way{AccountReach{{}, std::move(user), suspended, keys}, {std::move(*way)}};
        });
    if (!all) return pass_on(all);
    std::vector<AccountReach> reachers;
    reachers.reserve(all->size());
    for (auto& [reacher, ways] : *all) {
        static_cast<Standing&>(reacher) = standing_of(reacher.account, repository, std::move(ways));
        reachers.push_back(std::move(reacher));
    }
    return reachers;
}

DeployKeyReach reach_of_key(KeyRecord key, const RepositoryRecord& repository, UnixMillis now) {
    const bool can_write = match(
        key.holder, [](const DeployKey& bound) { return bound.can_write; },
        [](const auto&) { return false; });
    Standing standing = standing_of(key.holder, repository,
                                    {{can_write ? Access::write : Access::read, Rule::deploy_key, ""}});
    const auto state = key.state(now);
    if (state != "live") standing.access = Access::none;
    return {std::move(standing), std::move(key), state};
}

}  // namespace

Result<std::vector<ReachRecord>> Registry::list_reach(const KeyRecord& key) {
    using Records = Result<std::vector<ReachRecord>>;
    if (key.state(clock_()) != "live") return std::vector<ReachRecord>{};
    auto reach = match(
        key.holder,
        [this](const SomeUser auto& user) -> Records { return find_reach(database_, as_user(user)); },
        [](const SharedDeployKey&) -> Records { return std::vector<ReachRecord>{}; },
        [&](const DeployKey& bound) -> Records {
            auto record = need_repository(database_, bound.repo);
            if (!record) return pass_on(record);
            Standing standing = reach_of_key(key, *record, clock_());
            return std::vector{ReachRecord{std::move(standing), std::move(*record)}};
        });
    if (reach) std::erase_if(*reach, [](const ReachRecord& one) { return one.access == Access::none; });
    return reach;
}

Result<RepositoryReview> Registry::review_repository(const RepoPath& repo) {
    auto record = need_repository(database_, repo);
    if (!record) return pass_on(record);
    const UnixMillis now = clock_();
    auto accounts = find_reachers(database_, *record, now);
    if (!accounts) return pass_on(accounts);
    auto keys = list_deploy_keys(record->path);
    if (!keys) return pass_on(keys);
    std::vector<DeployKeyReach> deploy_keys;
    for (KeyRecord& key : *keys) deploy_keys.push_back(reach_of_key(std::move(key), *record, now));
    return RepositoryReview{std::move(*record), std::move(*accounts), std::move(deploy_keys)};
}

Result<AccountReview> Registry::review_account(const Login& user) {
    auto account = need_user(database_, user);
    if (!account) return pass_on(account);
    const auto keys =
        read_one<AccountKeys>(database_, select_account_keys, {clock_(), number_of(account->id)},
                              [](RowReader& row) { return std::optional(read_account_keys(row)); });
    if (!keys) return pass_on(keys);
    auto reach = find_reach(database_, User{account->id, account->login, account->suspended.has_value()});
    if (!reach) return pass_on(reach);
    return AccountReview{std::move(*account), keys->value_or(AccountKeys{}), std::move(*reach)};
}

Result<std::vector<RepositoryRecord>> Registry::list_public_repositories() {
    return read_all<RepositoryRecord>(database_, select_public, {}, read_repository_record);
}

}  // namespace gerve

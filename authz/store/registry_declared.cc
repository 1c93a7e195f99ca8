// What of the directory a file can declare, read whole: a bounded number of statements, however much there
// is.
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement select_all_members{"list-all-members",
                                       "SELECT o.login, a.login, m.role FROM org_members m"
                                       " JOIN accounts o ON o.id = m.org_id"
                                       " JOIN accounts a ON a.id = m.account_id"};
constexpr Statement select_all_teams{
    "list-all-teams", "SELECT o.login, t.name FROM teams t JOIN accounts o ON o.id = t.org_id"};
constexpr Statement select_all_team_members{"list-all-team-members",
                                            "SELECT o.login, t.name, a.login FROM team_members m"
                                            " JOIN teams t ON t.id = m.team_id"
                                            " JOIN accounts o ON o.id = t.org_id"
                                            " JOIN accounts a ON a.id = m.account_id"};
constexpr Statement select_all_grants{"list-all-grants",
                                      "SELECT p.login, r.name, a.login, c.level FROM collaborators c"
                                      " JOIN repositories r ON r.id = c.repo_id"
                                      " JOIN accounts p ON p.id = r.owner_id"
                                      " JOIN accounts a ON a.id = c.account_id"};
constexpr Statement select_all_team_repos{"list-all-team-grants",
                                          "SELECT p.login, r.name, o.login, t.name, g.level FROM team_repos g"
                                          " JOIN repositories r ON r.id = g.repo_id"
                                          " JOIN accounts p ON p.id = r.owner_id"
                                          " JOIN teams t ON t.id = g.team_id"
                                          " JOIN accounts o ON o.id = t.org_id"};
// As was_used() has it for one key.
constexpr Statement select_used_accounts{
    "list-used-accounts",
    "SELECT DISTINCT a.login FROM public_keys k JOIN accounts a ON a.id = k.account_id"
    " WHERE EXISTS (SELECT 1 FROM key_last_used u WHERE u.key_id = k.id)"
    " OR EXISTS (SELECT 1 FROM audit_events e WHERE e.fingerprint = k.fingerprint"
    " AND e.kind IN ('proven', 'decision', 'session')"
    " AND (e.account IS NOT NULL OR e.repository IS NOT NULL))"
    " UNION SELECT o.login FROM certificate_authorities c JOIN accounts o ON o.id = c.org_id"};

// Each reads one row of the SELECT beside it into the state; false: malformed.
bool read_declared_member(RowReader& row, DeclaredState& state) {
    auto organization = row.text_as(Login::parse);
    auto user = row.text_as(Login::parse);
    const auto role = static_cast<OrgRole>(row.integer_within(1, 2));
    if (!row.good()) return false;
    state.members.emplace(std::pair(std::move(*organization), std::move(*user)), DeclaredMember{role, {}});
    return true;
}

std::optional<TeamPath> read_team_path(RowReader& row) {
    auto organization = row.text_as(Login::parse);
    auto name = row.text_as(Login::parse);
    if (!row.good()) return std::nullopt;
    return TeamPath{std::move(*organization), std::move(*name)};
}

std::optional<RepoPath> read_repo_path(RowReader& row) {
    auto owner = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    if (!row.good()) return std::nullopt;
    return RepoPath(std::move(*owner), std::move(*name));
}

bool read_declared_team(RowReader& row, DeclaredState& state) {
    auto team = read_team_path(row);
    if (team) state.teams.emplace(std::move(*team), TextPlace{});
    return row.good();
}

bool read_declared_team_member(RowReader& row, DeclaredState& state) {
    auto team = read_team_path(row);
    auto user = row.text_as(Login::parse);
    if (!row.good()) return false;
    state.team_members.emplace(std::pair(std::move(*team), std::move(*user)), TextPlace{});
    return true;
}

bool read_declared_grant(RowReader& row, DeclaredState& state) {
    auto repo = read_repo_path(row);
    auto user = row.text_as(Login::parse);
    const auto level = static_cast<Access>(row.integer_within(1, 3));
    if (!row.good()) return false;
    state.grants.emplace(std::pair(std::move(*repo), GrantHolder(std::move(*user))),
                         DeclaredGrant{level, {}});
    return true;
}

bool read_declared_team_grant(RowReader& row, DeclaredState& state) {
    auto repo = read_repo_path(row);
    auto team = read_team_path(row);
    const auto level = static_cast<Access>(row.integer_within(1, 3));
    if (!row.good()) return false;
    state.grants.emplace(std::pair(std::move(*repo), GrantHolder(std::move(*team))),
                         DeclaredGrant{level, {}});
    return true;
}

Result<void> read_links(Database& database, DeclaredState& state) {
    constexpr std::pair<const Statement*, bool (*)(RowReader&, DeclaredState&)> kinds[] = {
        {&select_all_members, read_declared_member},           {&select_all_teams, read_declared_team},
        {&select_all_team_members, read_declared_team_member}, {&select_all_grants, read_declared_grant},
        {&select_all_team_repos, read_declared_team_grant},
    };
    for (const auto& [statement, read] : kinds) {
        const auto rows = database.query(*statement, {});
        if (!rows) return pass_on(rows);
        for (const Row& columns : *rows) {
            RowReader row(columns, *statement);
            if (!read(row, state)) return row.malformed();
        }
    }
    return {};
}

Result<DeclaredKey> declared(const KeyRecord& record) {
    auto key = PublicKey::parse_line(record.public_key);
    if (!key) return pass_on(key);
    using Holder = std::optional<DeclaredHolder>;
    auto holder = match(
        record.holder, [](const SomeUser auto& user) { return Holder(as_user(user).login); },
        [](const DeployKey& bound) { return Holder(bound.repo); },
        [](const SharedDeployKey&) { return Holder(); });
    if (!holder) return internal_error("a key of several repositories in Gerve's own tables");
    const bool can_write = match(
        record.holder, [](const DeployKey& bound) { return bound.can_write; },
        [](const auto&) { return false; });
    return DeclaredKey{std::move(*key), std::move(*holder),         record.title, record.expires,
                       can_write,       record.revoked.has_value(), {},           record.no_touch_required};
}

}  // namespace

Result<DeclaredState> Registry::read_declared() {
    DeclaredState state;
    const auto accounts = list_accounts();
    if (!accounts) return pass_on(accounts);
    for (const AccountRecord& one : *accounts) {
        state.accounts.emplace(one.login,
                               DeclaredAccount{one.login, one.kind, one.suspended.has_value(), {}});
    }
    const auto policies = list_policies();
    if (!policies) return pass_on(policies);
    for (const PolicyRecord& one : *policies) {
        const auto organization = state.accounts.find(one.organization);
        if (organization != state.accounts.end()) organization->second.policy = one.policy;
    }
    const auto repositories = list_repositories();
    if (!repositories) return pass_on(repositories);
    for (const RepositoryRecord& one : *repositories) {
        state.repositories.emplace(
            one.path, DeclaredRepository{
                          one.is_public, one.archived.has_value(), one.disabled.has_value(), {}, one.kind});
    }
    const auto keys = list_keys();
    if (!keys) return pass_on(keys);
    for (const KeyRecord& one : *keys) {
        auto key = declared(one);
        if (!key) return pass_on(key);
        state.keys.emplace(one.fingerprint, std::move(*key));
    }
    if (auto linked = read_links(database_, state); !linked) return pass_on(linked);
    return state;
}

Result<std::set<Login>> Registry::list_used_accounts() {
    auto logins =
        read_all<Login>(database_, select_used_accounts, {}, [](RowReader& row) -> std::optional<Login> {
            auto login = row.text_as(Login::parse);
            if (!login) return std::nullopt;
            return std::move(*login);
        });
    if (!logins) return pass_on(logins);
    return std::set<Login>(logins->begin(), logins->end());
}

}  // namespace gerve

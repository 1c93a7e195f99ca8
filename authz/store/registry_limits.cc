#include <array>

#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement select_limits_of_account{
    "limits-of-account", "SELECT max_push, max_size, max_size_of_owner FROM accounts WHERE id = ?"};
constexpr Statement select_limits_of_repository{
    "limits-of-repository", "SELECT max_push, max_size, NULL FROM repositories WHERE id = ?"};
constexpr Statement select_all_limits{
    "list-limits",
    "SELECT a.login, NULL AS name, a.max_push, a.max_size, a.max_size_of_owner, a.login_folded AS owner,"
    " '' AS folded FROM accounts a"
    " WHERE a.max_push IS NOT NULL OR a.max_size IS NOT NULL OR a.max_size_of_owner IS NOT NULL"
    " UNION ALL"
    " SELECT o.login, r.name, r.max_push, r.max_size, NULL, o.login_folded, r.name_folded"
    " FROM repositories r JOIN accounts o ON o.id = r.owner_id"
    " WHERE r.max_push IS NOT NULL OR r.max_size IS NOT NULL"
    " ORDER BY owner, folded"};

constexpr Statement set_push_of_account{"set-max-push-of-account",
                                        "UPDATE accounts SET max_push = ? WHERE id = ?"};
constexpr Statement set_size_of_account{"set-max-size-of-account",
                                        "UPDATE accounts SET max_size = ? WHERE id = ?"};
constexpr Statement set_total_of_account{"set-max-size-of-owner",
                                         "UPDATE accounts SET max_size_of_owner = ? WHERE id = ?"};
constexpr Statement set_push_of_repository{"set-max-push-of-repository",
                                           "UPDATE repositories SET max_push = ? WHERE id = ?"};
constexpr Statement set_size_of_repository{"set-max-size-of-repository",
                                           "UPDATE repositories SET max_size = ? WHERE id = ?"};

using Limit = std::optional<std::uint64_t>;

OwnSizeLimits read_limits(RowReader& row) {
    OwnSizeLimits limits;
    limits.push = row.maybe_size();
    limits.repository = row.maybe_size();
    limits.owner = row.maybe_size();
    return limits;
}

Bind as_bind(const Limit& limit) {
    return limit ? Bind(static_cast<std::int64_t>(*limit)) : Bind();
}

// Where the limits of an account or a repository stand.
struct LimitPlace {
    const Statement& select;
    const Statement& set_push;
    const Statement& set_size;
    const Statement* set_total;  // null: a repository has none
    std::int64_t id;
};

Result<LimitPlace> limit_place(Database& database, const Login& owner) {
    const auto account = need_account(database, owner);
    if (!account) return pass_on(account);
    return LimitPlace{select_limits_of_account, set_push_of_account, set_size_of_account,
                      &set_total_of_account, number_of(account->id)};
}

Result<LimitPlace> limit_place(Database& database, const RepoPath& repo) {
    const auto record = need_repository(database, repo);
    if (!record) return pass_on(record);
    return LimitPlace{select_limits_of_repository, set_push_of_repository, set_size_of_repository, nullptr,
                      number_of(record->id)};
}

Result<LimitPlace> limit_place(Database& database, const LimitHolder& holder) {
    return std::visit([&](const auto& one) { return limit_place(database, one); }, holder);
}

Result<OwnSizeLimits> find_limits(Database& database, const LimitPlace& place) {
    const auto found = read_one<OwnSizeLimits>(
        database, place.select, {place.id}, [](RowReader& row) { return std::optional(read_limits(row)); });
    if (!found) return pass_on(found);
    return found->value_or(OwnSizeLimits{});
}

}  // namespace

Result<LimitHolder> parse_limit_holder(std::string_view text) {
    if (text.find('/') == std::string_view::npos) {
        auto owner = Login::parse(text);
        if (!owner) return pass_on(owner);
        return LimitHolder(std::move(*owner));
    }
    auto repo = RepoPath::parse(text);
    if (!repo) return pass_on(repo);
    return LimitHolder(std::move(*repo));
}

Result<OwnSizeLimits> Registry::show_limits(const LimitHolder& holder) {
    const auto place = limit_place(database_, holder);
    if (!place) return pass_on(place);
    return find_limits(database_, *place);
}

Result<LimitsChanged> Registry::change_limits(const LimitHolder& holder, const LimitChange& change) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto place = limit_place(database_, holder);
    if (!place) return pass_on(place);
    if (change.owner && place->set_total == nullptr)
        return client_error("only an owner can have a limit for all repositories together");
    const auto before = find_limits(database_, *place);
    if (!before) return pass_on(before);
    LimitsChanged changed{*before, *before};
    const auto set = [&](const Statement* statement, const std::optional<Limit>& wanted,
                         Limit& after) -> Result<void> {
        if (!wanted || statement == nullptr || *wanted == after) return {};
        after = *wanted;
        return run(database_, *statement, {as_bind(after), place->id});
    };
    if (auto done = set(&place->set_push, change.push, changed.after.push); !done) return pass_on(done);
    if (auto done = set(&place->set_size, change.repository, changed.after.repository); !done)
        return pass_on(done);
    if (auto done = set(place->set_total, change.owner, changed.after.owner); !done) return pass_on(done);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return changed;
}

Result<std::vector<LimitRecord>> Registry::list_limits() {
    return read_all<LimitRecord>(
        database_, select_all_limits, {}, [](RowReader& row) -> std::optional<LimitRecord> {
            auto owner = row.text_as(Login::parse);
            if (!owner) return std::nullopt;
            if (row.next_is_null()) {
                row.skip();
                return LimitRecord{std::move(*owner), read_limits(row)};
            }
            auto name = row.text_as(RepoName::parse);
            if (!name) return std::nullopt;
            return LimitRecord{RepoPath(std::move(*owner), std::move(*name)), read_limits(row)};
        });
}

}  // namespace gerve

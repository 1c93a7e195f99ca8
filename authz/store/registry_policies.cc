#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement select_policy{
    "show-policy",
    "SELECT requires_post_quantum, requires_touch, requires_pin, requires_of_deploy_keys FROM accounts"
    " WHERE id = ?"};
constexpr Statement select_policies{
    "list-policies",
    "SELECT login, requires_post_quantum, requires_touch, requires_pin, requires_of_deploy_keys"
    " FROM accounts WHERE requires_post_quantum + requires_touch + requires_pin + requires_of_deploy_keys > 0"
    " ORDER BY login_folded"};
constexpr Statement set_policy{
    "set-policy",
    "UPDATE accounts SET requires_post_quantum = ?, requires_touch = ?, requires_pin = ?,"
    " requires_of_deploy_keys = ? WHERE id = ?"};
constexpr Statement select_people{
    "list-policy-people",
    "SELECT a.login FROM org_members m JOIN accounts a ON a.id = m.account_id WHERE m.org_id = ?"
    " UNION SELECT a.login FROM collaborators c JOIN repositories r ON r.id = c.repo_id"
    " JOIN accounts a ON a.id = c.account_id WHERE r.owner_id = ?"};
constexpr Statement select_repos_with_keys{
    "list-policy-deploy-keys",
    "SELECT DISTINCT o.login, r.name FROM repositories r JOIN accounts o ON o.id = r.owner_id"
    " JOIN public_keys k ON k.repo_id = r.id WHERE r.owner_id = ? AND k.revoked_at IS NULL"
    " AND (k.expires_at IS NULL OR k.expires_at > ?)"};

Result<LoginPolicy> find_policy(Database& database, AccountId organization) {
    const auto found = read_one<LoginPolicy>(database, select_policy, {number_of(organization)},
                                             [](RowReader& row) { return std::optional(row.policy()); });
    if (!found) return pass_on(found);
    return found->value_or(LoginPolicy{});
}

}  // namespace

Result<LoginPolicy> Registry::show_policy(const Login& organization) {
    const auto account = need_organization(database_, organization);
    if (!account) return pass_on(account);
    return find_policy(database_, account->id);
}

Result<PolicyChanged> Registry::change_policy(const Login& organization, const LoginPolicyChange& change) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto account = need_organization(database_, organization);
    if (!account) return pass_on(account);
    const auto before = find_policy(database_, account->id);
    if (!before) return pass_on(before);
    const LoginPolicy after = change.over(*before);
    if (auto done = run(
            database_, set_policy,
            {std::int64_t{after.post_quantum}, static_cast<std::int64_t>(after.touch),
             static_cast<std::int64_t>(after.pin), std::int64_t{after.deploy_keys}, number_of(account->id)});
        !done)
        return pass_on(done);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return PolicyChanged{*before, after};
}

Result<std::vector<PolicyRecord>> Registry::list_policies() {
    return read_all<PolicyRecord>(database_, select_policies, {},
                                  [](RowReader& row) -> std::optional<PolicyRecord> {
                                      auto login = row.text_as(Login::parse);
                                      if (!login) return std::nullopt;
                                      return PolicyRecord{std::move(*login), row.policy()};
                                  });
}

Result<std::vector<PolicySubject>> Registry::list_policy_subjects(const Login& organization) {
    const auto account = need_organization(database_, organization);
    if (!account) return pass_on(account);
    const std::int64_t id = number_of(account->id);
    auto subjects = read_all<PolicySubject>(database_, select_people, {id, id}, [](RowReader& row) {
        return std::optional(PolicySubject{row.text(), false});
    });
    if (!subjects) return pass_on(subjects);
    const auto repos =
        read_all<PolicySubject>(database_, select_repos_with_keys, {id, clock_()}, [](RowReader& row) {
            const std::string owner = row.text();
            return std::optional(PolicySubject{owner + "/" + row.text(), true});
        });
    if (!repos) return pass_on(repos);
    subjects->insert(subjects->end(), repos->begin(), repos->end());
    return subjects;
}

}  // namespace gerve

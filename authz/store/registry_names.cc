// Names of accounts: how an account is renamed, and how it goes.
#include <array>

#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement insert_alias{
    "insert-alias",
    "INSERT INTO accounts (login, login_folded, kind, created_at, alias_of) VALUES (?, ?, ?, ?, ?)"};
constexpr Statement set_renaming{"set-renaming", "UPDATE accounts SET renaming_to = ? WHERE id = ?"};
constexpr Statement set_login{
    "rename-account", "UPDATE accounts SET login = ?, login_folded = ?, renaming_to = NULL WHERE id = ?"};
// Each takes an account's id.
constexpr Statement delete_redirects_of{"delete-redirects-of",
                                        "DELETE FROM repo_redirects WHERE owner_id = ?"};
constexpr Statement delete_account{"delete-account", "DELETE FROM accounts WHERE id = ?"};

// What the old name leads to: the repositories, and what it led to before. Takes the alias and the account.
constexpr Statement delete_stale{"delete-stale-redirects",
                                 "DELETE FROM repo_redirects WHERE owner_id = ? AND name_folded IN"
                                 " (SELECT name_folded FROM repositories WHERE owner_id = ?)"};
constexpr Statement leave_repositories{
    "redirect-repositories",
    "INSERT INTO repo_redirects (owner_id, name_folded, repo_id)"
    " SELECT ?, r.name_folded, r.id FROM repositories r WHERE r.owner_id = ?"};
// Redirects of one name that another lacks: takes that other twice around the one.
constexpr Statement leave_redirects{
    "redirect-redirects",
    "INSERT INTO repo_redirects (owner_id, name_folded, repo_id)"
    " SELECT ?, d.name_folded, d.repo_id FROM repo_redirects d WHERE d.owner_id = ? AND d.name_folded NOT IN"
    " (SELECT e.name_folded FROM repo_redirects e WHERE e.owner_id = ?)"};

Result<void> run_all(Database& database,
                     std::initializer_list<std::pair<const Statement*, std::vector<Bind>>> all) {
    for (const auto& [statement, binds] : all) {
        if (auto done = run(database, *statement, binds); !done) return done;
    }
    return {};
}

Result<NameRecord> need_name(Database& database, const Login& login) {
    auto name = find_name(database, login);
    if (!name) return pass_on(name);
    if (*name && !(*name)->alias_of) return std::move(**name);
    // One that is not there, or is another name: refused with what to do.
    if (const auto account = need_account(database, login); !account) return pass_on(account);
    return client_error("the account was renamed at the same time: try again");
}

tl::unexpected<Error> refuse_taken(const NameRecord& taken) {
    const std::string name = taken.account.login.text();
    if (taken.alias_of) {
        return client_error(name + " is reserved: it is another name of " +
                            (taken.now ? taken.now->text() : "?") + "; `gerve user remove " + name +
                            "` frees it");
    }
    return client_error("there is already " +
                        std::string(taken.account.kind == AccountKind::user ? "a user" : "an organisation") +
                        " called " + name);
}

// What keeps an account: each counts what it still has, and says how to go on.
struct Holding {
    Statement count;
    const char* one;
    const char* several;
    const char* remedy;
};
const std::array holdings{
    Holding{{"count-repositories", "SELECT COUNT(*) FROM repositories WHERE owner_id = ?"},
            "repository",
            "repositories",
            "`gerve repo delete`, or `gerve repo rename` to give it to another owner"},
    Holding{{"count-teams", "SELECT COUNT(*) FROM teams WHERE org_id = ?"},
            "team",
            "teams",
            "`gerve team remove`"},
    Holding{{"count-keys", "SELECT COUNT(*) FROM public_keys WHERE account_id = ? AND revoked_at IS NULL"},
            "key",
            "keys",
            "`gerve key move`, or `gerve key revoke`"},
    Holding{{"count-authorities", "SELECT COUNT(*) FROM certificate_authorities WHERE org_id = ?"},
            "certificate authority",
            "certificate authorities",
            "`gerve ca remove`"},
};
constexpr Statement list_revoked{
    "list-revoked-keys",
    "SELECT fingerprint FROM public_keys WHERE account_id = ? AND revoked_at IS NOT NULL"};

Result<std::int64_t> count(Database& database, const Statement& statement, std::int64_t account) {
    const auto found = read_one<std::int64_t>(database, statement, {account},
                                              [](RowReader& row) { return std::optional(row.integer()); });
    if (!found) return pass_on(found);
    return found->value_or(0);
}

// Nobody could tell afterwards whose it was, and it could be added again.
Result<void> refuse_used_keys(Database& database, const AccountRecord& account) {
    const auto revoked = read_all<Fingerprint>(database, list_revoked, {number_of(account.id)},
                                               [](RowReader& row) -> std::optional<Fingerprint> {
                                                   auto fingerprint = row.text_as(Fingerprint::parse_bytes);
                                                   if (!fingerprint) return std::nullopt;
                                                   return std::move(*fingerprint);
                                               });
    if (!revoked) return pass_on(revoked);
    for (const Fingerprint& fingerprint : *revoked) {
        const auto key = need_key(database, fingerprint);
        if (!key) return pass_on(key);
        const auto used = was_used(database, *key);
        if (!used) return pass_on(used);
        if (!*used) continue;
        return client_error(account.login.text() + " logged in with " + fingerprint.text() +
                            ", which is revoked and must stay revoked, so the account cannot be removed; "
                            "`gerve user suspend " +
                            account.login.text() + "` blocks it");
    }
    return {};
}

Result<void> refuse_holdings(Database& database, const AccountRecord& account) {
    std::string owns;
    for (const Holding& holding : holdings) {
        const auto number = count(database, holding.count, number_of(account.id));
        if (!number) return pass_on(number);
        if (*number == 0) continue;
        owns += (owns.empty() ? "" : ", ") + std::to_string(*number) + " " +
                (*number == 1 ? holding.one : holding.several) + " (" + holding.remedy + ")";
    }
    if (!owns.empty()) return client_error(account.login.text() + " still owns " + owns);
    return refuse_used_keys(database, account);
}

// What goes with an account, and at last the account: each takes its id.
constexpr Statement delete_whole_account[] = {
    {"delete-revoked-keys", "DELETE FROM public_keys WHERE account_id = ?"},
    {"delete-memberships", "DELETE FROM org_members WHERE account_id = ?"},
    {"delete-members", "DELETE FROM org_members WHERE org_id = ?"},
    {"delete-team-memberships", "DELETE FROM team_members WHERE account_id = ?"},
    {"delete-grants", "DELETE FROM collaborators WHERE account_id = ?"},
    {"delete-route-of", "DELETE FROM routes WHERE owner_id = ?"},
    {"delete-redirects-of", "DELETE FROM repo_redirects WHERE owner_id = ?"},
    {"delete-redirects-of-names",
     "DELETE FROM repo_redirects WHERE owner_id IN (SELECT id FROM accounts WHERE alias_of = ?)"},
    {"delete-names", "DELETE FROM accounts WHERE alias_of = ?"},
    delete_account,
};

}  // namespace

Result<std::optional<Login>> Registry::find_current_name(const Login& was) {
    const auto name = find_name(database_, was);
    if (!name) return pass_on(name);
    return *name && !(*name)->is_pending ? (*name)->now : std::nullopt;
}

Result<Registry::Begun> Registry::begin_renaming(const Login& from, const Login& to) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto name = need_name(database_, from);
    if (!name) return pass_on(name);
    const AccountRecord& account = name->account;
    if (account.login.text() == to.text())
        return client_error(account.login.text() + " already has that name");
    const auto taken = find_name(database_, to);
    if (!taken) return pass_on(taken);
    std::optional<std::int64_t> place;
    if (*taken) place = number_of((*taken)->account.id);
    if (name->renaming_to) {
        if (place == name->renaming_to) return Begun::before;
        return client_error("a rename of " + account.login.text() +
                            " was interrupted: finish it first with `gerve user rename` and the same names");
    }
    const bool own =
        *taken && ((*taken)->alias_of == number_of(account.id) || place == number_of(account.id));
    if (*taken && !own) return refuse_taken(**taken);
    if (!*taken) {
        const auto made = must_change(database_, insert_alias,
                                      {std::string_view(to.text()), std::string_view(to.folded()),
                                       std::int64_t(account.kind), clock_(), number_of(account.id)},
                                      "the name " + to.text() + " was taken at the same time");
        if (!made) return pass_on(made);
        place = made->inserted_id;
    }
    if (auto set = run(database_, set_renaming, {*place, number_of(account.id)}); !set) return pass_on(set);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return *taken ? Begun::with_old_name : Begun::with_new_name;
}

Result<void> Registry::cancel_renaming(const Login& from, Begun begun) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto name = need_name(database_, from);
    if (!name || !name->renaming_to) return name ? Result<void>() : pass_on(name);
    const std::int64_t account = number_of(name->account.id);
    if (auto cleared = run(database_, set_renaming, {Bind(), account}); !cleared) return cleared;
    if (begun == Begun::with_new_name) {
        if (auto gone = run(database_, delete_account, {*name->renaming_to}); !gone) return gone;
    }
    return transaction->commit();
}

Result<void> Registry::finish_renaming(const Login& from, const Login& to) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto name = need_name(database_, from);
    if (!name) return pass_on(name);
    if (!name->renaming_to) return client_error("no rename of " + from.text() + " is in progress");
    const Login old = name->account.login;
    const std::int64_t account = number_of(name->account.id);
    const std::int64_t alias = *name->renaming_to;
    const std::vector<Bind> new_name{std::string_view(to.text()), std::string_view(to.folded()), account};
    if (alias == account) {  // another spelling
        if (auto done = run(database_, set_login, new_name); !done) return done;
        return transaction->commit();
    }
    // Names are unique: the alias steps aside first. No login begins with a '-'.
    const std::string aside = "-" + std::to_string(alias);
    auto done = run_all(database_,
                        {{&set_login, {std::string_view(aside), std::string_view(aside), alias}},
                         {&set_login, new_name},
                         {&set_login, {std::string_view(old.text()), std::string_view(old.folded()), alias}},
                         {&delete_stale, {alias, account}},
                         {&leave_repositories, {alias, account}},
                         // What a name led to that it has again now, and the other way round.
                         {&leave_redirects, {alias, account, alias}},
                         {&leave_redirects, {account, alias, account}},
                         {&delete_stale, {account, account}}});
    if (!done) return done;
    return transaction->commit();
}

Result<void> Registry::remove_account(const Login& login) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto found = find_name(database_, login);
    if (!found) return pass_on(found);
    if (*found && (*found)->alias_of && !(*found)->is_pending) {
        const std::int64_t alias = number_of((*found)->account.id);
        auto done = run_all(database_, {{&delete_redirects_of, {alias}}, {&delete_account, {alias}}});
        if (!done) return done;
        return transaction->commit();
    }
    const auto name = need_name(database_, login);
    if (!name) return pass_on(name);
    if (name->renaming_to)
        return client_error("a rename of " + login.text() +
                            " was interrupted: finish it first with `gerve user rename`");
    if (auto none = refuse_holdings(database_, name->account); !none) return none;
    for (const Statement& statement : delete_whole_account) {
        if (auto done = run(database_, statement, {number_of(name->account.id)}); !done) return done;
    }
    return transaction->commit();
}

}  // namespace gerve

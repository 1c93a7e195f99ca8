#include <algorithm>

#include "authz/base/display.h"
#include "authz/base/units.h"
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

// One SELECT for every list of keys, so that one function reads them all. (Literals, since a Statement holds
// a view.)
#define GERVE_SELECT_KEYS                                                                              \
    "SELECT k.id, k.fingerprint, k.key_blob, k.title, k.can_write, k.created_at, k.expires_at, "       \
    "k.revoked_at,"                                                                                    \
    " u.used_at, u.address, k.no_touch_required, a.id, a.login, a.suspended_at, r.id, o.login, r.name" \
    " FROM public_keys k LEFT JOIN key_last_used u ON u.key_id = k.id"                                 \
    " LEFT JOIN accounts a ON a.id = k.account_id"                                                     \
    " LEFT JOIN repositories r ON r.id = k.repo_id LEFT JOIN accounts o ON o.id = r.owner_id"

constexpr Statement select_keys{"list-keys", GERVE_SELECT_KEYS " ORDER BY k.id"};
constexpr Statement select_keys_of_user{"list-keys-of-user",
                                        GERVE_SELECT_KEYS " WHERE k.account_id = ? ORDER BY k.id"};
constexpr Statement select_deploy_keys{"list-deploy-keys",
                                       GERVE_SELECT_KEYS " WHERE k.repo_id = ? ORDER BY k.id"};
constexpr Statement select_key{"show-key", GERVE_SELECT_KEYS " WHERE k.fingerprint = ?"};

#undef GERVE_SELECT_KEYS

constexpr Statement insert_key{
    "insert-key",
    "INSERT INTO public_keys (fingerprint, algorithm, key_blob, title, account_id, repo_id, can_write,"
    " created_at, expires_at, no_touch_required) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
// Of the last thousand events: a key of a machine may have millions. To offer it takes the public half alone.
constexpr Statement select_addresses{
    "list-key-addresses",
    "SELECT e.address, MAX(e.happened_at), COUNT(*) FROM"
    " (SELECT address, happened_at FROM audit_events WHERE fingerprint = ? AND kind <> 'offered'"
    " ORDER BY happened_at DESC LIMIT 1000) e"
    " WHERE e.address IS NOT NULL GROUP BY e.address ORDER BY 2 DESC, 1 LIMIT 10"};

constexpr std::size_t max_title = 200;  // bytes

std::optional<KeyHolder> read_holder(RowReader& row, bool can_write) {
    if (!row.next_is_null()) {
        const auto id = row.integer();
        auto login = row.text_as(Login::parse);
        const bool suspended = row.maybe_integer().has_value();
        if (!row.good()) return std::nullopt;
        return User{AccountId{id}, std::move(*login), suspended};
    }
    row.skip(3);
    const auto id = row.integer();
    auto owner = row.text_as(Login::parse);
    auto name = row.text_as(RepoName::parse);
    if (!row.good()) return std::nullopt;
    return DeployKey{RepoId{id}, RepoPath(std::move(*owner), std::move(*name)), can_write};
}

std::optional<KeyRecord> read_key_record(RowReader& row) {
    const auto id = row.integer();
    auto fingerprint = row.text_as(Fingerprint::parse_bytes);
    auto key = row.text_as(PublicKey::parse_blob);
    std::string title = row.text();
    const bool can_write = row.flag();
    const auto created = row.integer();
    const auto expires = row.maybe_integer();
    const auto revoked = row.maybe_integer();
    const auto used = row.maybe_integer();
    std::string address;
    if (used)
        address = row.text();
    else
        row.skip();
    const bool no_touch_required = row.flag();
    auto holder = read_holder(row, can_write);
    if (!holder || !row.good()) return std::nullopt;
    return KeyRecord{KeyId{id},
                     std::move(*fingerprint),
                     key->algorithm(),
                     key->bits(),
                     key->text(),
                     std::move(title),
                     std::move(*holder),
                     created,
                     expires,
                     revoked,
                     used,
                     std::move(address),
                     no_touch_required};
}

// A key whose private half somebody logged in by while it was live. Both tables are written some moments
// after a login, from the same batches; events are pruned, and another program may keep last uses alone.
constexpr Statement count_uses{"count-key-uses",
                               "SELECT (SELECT COUNT(*) FROM key_last_used WHERE key_id = ?)"
                               " + (SELECT COUNT(*) FROM audit_events WHERE fingerprint = ? AND kind IN "
                               "('proven', 'decision', 'session')"
                               " AND (account IS NOT NULL OR repository IS NOT NULL))"};
constexpr Statement delete_key{"delete-key", "DELETE FROM public_keys WHERE id = ?"};

// How an administrator finds the key that is in the way.
std::string key_text(const KeyRecord& key) {
    return name_of(key.holder) + (is_deploy_key(key.holder) ? " as a deploy key" : "") + " (key " +
           std::to_string(number_of(key.id)) + ", \"" + key.title + "\")";
}

bool has_controls(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x20 || byte == 0x7f) return true;
        const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0xffU;
        if (byte == 0xc2 && next < 0xa0) return true;  // C1 in UTF-8
    }
    return false;
}

// A comment is kept as it was given, as far as the column takes it: UTF-8 (MySQL refuses what is not), and
// cut.
std::string title_of(std::string_view comment) {
    std::string title;
    while (!comment.empty()) {
        const std::size_t size = utf8_size(comment);
        title += size == 0 ? "\xef\xbf\xbd" : comment.substr(0, size);
        comment.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return std::string(utf8_prefix(title, max_title));
}

Result<std::string> choose_title(const PublicKey& key, const KeyOptions& options) {
    const std::string& title = options.title;
    if (options.as_declared) {
        if (auto fits = check_declared_title(title); !fits) return pass_on(fits);
        return title;
    }
    if (title.empty()) return title_of(key.comment());
    if (title.size() > max_title || !is_utf8(title) || has_controls(title)) {
        return client_error("a title must be at most 200 bytes of UTF-8 without control characters");
    }
    return title;
}

struct NewKey {
    const PublicKey& key;
    const KeyOptions& options;
    std::optional<std::int64_t> account;
    std::optional<std::int64_t> repo;
    bool can_write;
};

bool has_same_holder(const KeyRecord& key, const NewKey& add) {
    return match(
        key.holder, [&](const SomeUser auto& user) { return add.account == number_of(as_user(user).id); },
        [&](const DeployKey& bound) { return add.repo == number_of(bound.repo_id); },
        [](const SharedDeployKey&) { return false; });
}

// What the command says and the key does not, with the remedy; empty: they agree.
std::string difference(const KeyRecord& key, const NewKey& add) {
    const std::string fingerprint = key.fingerprint.text();
    const bool other_rights = match(
        key.holder, [&](const DeployKey& bound) { return bound.can_write != add.can_write; },
        [](const auto&) { return false; });
    if (other_rights)
        return std::string(add.can_write ? "it is read-only" : "it may push") +
               ": revoke it, and add a new key with other rights";
    if (key.expires != add.options.expires) {
        return (key.expires ? "it expires on " + time_text(*key.expires) : std::string("it never expires")) +
               ": `gerve key extend " + fingerprint + " --expires DATE|never` changes that";
    }
    if (key.no_touch_required != add.options.no_touch_required) {
        return std::string(key.no_touch_required ? "it needs no touch" : "it has to be touched") +
               ": `gerve apply` can change that";
    }
    if (!add.options.title.empty() && add.options.title != key.title)
        return "its title is \"" + key.title + "\"";
    return "";
}

// A key that is there already, and not to be given away by a second command.
Result<Added<KeyRecord>> take_known(const KeyRecord& key, const NewKey& add, UnixMillis now) {
    const std::string fingerprint = key.fingerprint.text();
    if (key.revoked) {
        return client_error(
            "this key was revoked on " + time_text(*key.revoked) + ", when it belonged to " + key_text(key) +
            (add.options.uses_recorded ? ": it was used to log in"
                                       : ": the audit trail is off, so it may have been used to log in") +
            ", so it cannot be added again; create a new key");
    }
    if (key.state(now) == "expired") {
        return client_error("this key expired on " + time_text(*key.expires) + "; it belongs to " +
                            key_text(key) + ": `gerve key extend " + fingerprint +
                            " --expires DATE|never` makes it live again");
    }
    if (!has_same_holder(key, add)) {
        return client_error("key already in use by " + key_text(key) +
                            ": a key belongs to one user or one repository; `gerve key move " + fingerprint +
                            " LOGIN` moves it to another user");
    }
    const std::string other = difference(key, add);
    if (!other.empty()) return client_error(key_text(key) + " already has this key, and " + other);
    return Added<KeyRecord>{key, true};
}

Result<KeyRecord> insert(Database& database, const NewKey& add, UnixMillis now) {
    const auto title = choose_title(add.key, add.options);
    if (!title) return pass_on(title);
    const bool no_touch = add.options.no_touch_required;
    if (auto fits = check_no_touch(add.key.algorithm(), no_touch); !fits) return pass_on(fits);
    const auto& expires = add.options.expires;
    if (expires && *expires <= now && !add.options.as_declared)
        return client_error("the expiry date is in the past: " + time_text(*expires));
    const Fingerprint fingerprint = add.key.fingerprint();
    const auto added = must_change(
        database, insert_key,
        {BlobView{fingerprint.bytes()}, std::string_view(add.key.algorithm()), BlobView{add.key.blob()},
         std::string_view(*title), bind_of(add.account), bind_of(add.repo), std::int64_t{add.can_write}, now,
         bind_of(expires), std::int64_t{no_touch}},
        "the key was added at the same time: try again");
    if (!added) return pass_on(added);
    return need_key(database, fingerprint);
}

// In a transaction of the caller's.
Result<Added<KeyRecord>> add(Database& database, const NewKey& add, UnixMillis now) {
    const std::string fingerprint = add.key.fingerprint().bytes();
    const auto there = read_one<KeyRecord>(database, select_key, {BlobView{fingerprint}}, read_key_record);
    if (!there) return pass_on(there);
    if (*there) {
        const KeyRecord& key = **there;
        const auto used = key.revoked ? was_used(database, key) : Result<bool>(true);
        if (!used) return pass_on(used);
        if (*used || !add.options.uses_recorded) return take_known(key, add, now);
        // Revoked, and nobody ever logged in by it: it was added by mistake. A new number, since handles and
        // events know the old one.
        if (const auto gone = database.execute(delete_key, {number_of(key.id)}); !gone) return pass_on(gone);
    }
    auto record = insert(database, add, now);
    if (!record) return pass_on(record);
    return Added<KeyRecord>{std::move(*record), false};
}

Result<Added<KeyRecord>> add_and_commit(Database& database, const NewKey& wanted, UnixMillis now) {
    auto transaction = Transaction::begin(database);
    if (!transaction) return pass_on(transaction);
    auto added = add(database, wanted, now);
    if (!added) return added;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return added;
}

}  // namespace

Result<void> check_declared_title(std::string_view title) {
    if (title.size() <= max_title && is_utf8(title)) return {};
    return client_error("the title is too long: at most 200 bytes of UTF-8");
}

Result<void> check_no_touch(std::string_view algorithm, bool no_touch_required) {
    if (!no_touch_required || algorithm.starts_with("sk-")) return {};
    return client_error("only a security key (sk-…) can do without a touch, and this key is " +
                        std::string(algorithm));
}

Result<KeyRecord> need_key(Database& database, const Fingerprint& fingerprint) {
    auto found = read_one<KeyRecord>(database, select_key, {BlobView{fingerprint.bytes()}}, read_key_record);
    if (!found) return pass_on(found);
    if (*found) return std::move(**found);
    return client_error("there is no key " + fingerprint.text() + ": `gerve key list` lists the keys");
}

Result<bool> was_used(Database& database, const KeyRecord& key) {
    const auto uses =
        read_one<std::int64_t>(database, count_uses, {number_of(key.id), BlobView{key.fingerprint.bytes()}},
                               [](RowReader& row) { return std::optional(row.integer()); });
    if (!uses) return pass_on(uses);
    return !*uses || **uses > 0;
}

Result<Added<KeyRecord>> Registry::add_key(const Login& user, const PublicKey& key,
                                           const KeyOptions& options) {
    const auto account = need_account(database_, user);
    if (!account) return pass_on(account);
    if (account->kind == AccountKind::organization) {
        return client_error(account->login.text() + " is an organisation: keys belong to users");
    }
    return add_and_commit(database_, {key, options, number_of(account->id), {}, false}, clock_());
}

Result<Added<KeyRecord>> Registry::add_deploy_key(const RepoPath& repo, const PublicKey& key, bool can_write,
                                                  const KeyOptions& options) {
    const auto repository = need_repository(database_, repo);
    if (!repository) return pass_on(repository);
    return add_and_commit(database_, {key, options, {}, number_of(repository->id), can_write}, clock_());
}

Result<std::vector<KeyRecord>> Registry::list_keys(const std::optional<Login>& user) {
    if (!user) return read_all<KeyRecord>(database_, select_keys, {}, read_key_record);
    const auto account = need_user(database_, *user);
    if (!account) return pass_on(account);
    return read_all<KeyRecord>(database_, select_keys_of_user, {number_of(account->id)}, read_key_record);
}

Result<std::vector<KeyRecord>> Registry::list_deploy_keys(const RepoPath& repo) {
    const auto repository = need_repository(database_, repo);
    if (!repository) return pass_on(repository);
    return read_all<KeyRecord>(database_, select_deploy_keys, {number_of(repository->id)}, read_key_record);
}

Result<KeyRecord> Registry::show_key(const Fingerprint& fingerprint) {
    return need_key(database_, fingerprint);
}

Result<std::vector<KeyAddress>> Registry::list_addresses(const Fingerprint& fingerprint) {
    return read_all<KeyAddress>(database_, select_addresses, {BlobView{fingerprint.bytes()}},
                                [](RowReader& row) -> std::optional<KeyAddress> {
                                    KeyAddress address{row.text(), 0, 0};
                                    address.last = row.integer();
                                    address.events = row.integer();
                                    return address;
                                });
}

}  // namespace gerve

#include <algorithm>

#include "authz/base/text.h"
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

// One SELECT for every list of keys, so that one function reads them all. (Literals, since a Statement holds
// a view.)
#define GERVE_SELECT_KEYS                                                                        \
    "SELECT k.id, k.fingerprint, k.key_blob, k.title, k.can_write, k.created_at, k.expires_at, " \
    "k.revoked_at,"                                                                              \
    " u.used_at, u.address, a.id, a.login, a.suspended_at, r.id, o.login, r.name"                \
    " FROM public_keys k LEFT JOIN key_last_used u ON u.key_id = k.id"                           \
    " LEFT JOIN accounts a ON a.id = k.account_id"                                               \
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
    " created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
constexpr Statement set_revoked{"revoke-key",
                                "UPDATE public_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"};

// Of the last thousand events: a key of a machine may have millions. To offer it takes the public half alone.
constexpr Statement select_addresses{
    "list-key-addresses",
    "SELECT e.address, MAX(e.happened_at), COUNT(*) FROM"
    " (SELECT address, happened_at FROM audit_events WHERE fingerprint = ? AND kind <> 'offered'"
    " ORDER BY happened_at DESC LIMIT 1000) e"
    " WHERE e.address IS NOT NULL GROUP BY e.address ORDER BY 2 DESC, 1 LIMIT 10"};

constexpr std::size_t max_title = 200;  // bytes

std::optional<KeyOwner> read_owner(RowReader& row, bool can_write) {
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
    auto owner = read_owner(row, can_write);
    if (!owner || !row.good()) return std::nullopt;
    return KeyRecord{KeyId{id},
                     std::move(*fingerprint),
                     key->algorithm(),
                     key->bits(),
                     key->text(),
                     std::move(title),
                     std::move(*owner),
                     created,
                     expires,
                     revoked,
                     used,
                     std::move(address)};
}

std::string owner_text(const KeyOwner& owner) {
    const auto* user = std::get_if<User>(&owner);
    return user != nullptr ? user->login.text() : std::get<DeployKey>(owner).repo.text() + " as a deploy key";
}

// How an administrator finds the key that stands in his way.
std::string key_text(const KeyRecord& key) {
    return "key " + std::to_string(number_of(key.id)) + ", \"" + key.title + "\"";
}

tl::unexpected<Error> refuse_known_key(const KeyRecord& key, UnixMillis now) {
    const std::string who = owner_text(key.owner) + " (" + key_text(key) + ")";
    if (key.revoked) {
        return client_error("this key was revoked on " + time_text(*key.revoked) +
                            ", when it was in use by " + who +
                            ": a revoked key does not come back, make a new one");
    }
    if (key.state(now) == "expired") {
        return client_error("this key expired on " + time_text(*key.expires) + ", when it was in use by " +
                            who + ": make a new one");
    }
    return client_error(
        "key already in use by " + who +
        ": a key stands for one user or one repository; revoke it there, and make a new one here");
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Well-formed UTF-8 in outline (MySQL refuses what is not), and nothing that moves a terminal's cursor.
bool is_printable_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        if (first < 0x20 || first == 0x7f) return false;
        const std::size_t size = first < 0x80   ? 1
                                 : first < 0xc2 ? 0
                                 : first < 0xe0 ? 2
                                 : first < 0xf0 ? 3
                                 : first < 0xf5 ? 4
                                                : 0;
        if (size == 0 || size > text.size()) return false;
        const std::string_view rest = text.substr(1, size - 1);
        if (!std::all_of(rest.begin(), rest.end(), is_continuation)) return false;
        if (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return false;  // C1 controls
        text.remove_prefix(size);
    }
    return true;
}

Result<std::string> choose_title(const PublicKey& key, std::string title) {
    if (title.empty()) title = key.comment();
    if (title.size() > max_title || !is_printable_utf8(title)) {
        return client_error("a title has at most 200 bytes of UTF-8 without control characters");
    }
    return title;
}

struct NewKey {
    const PublicKey& key;
    std::string title;
    Bind account;
    Bind repo;
    bool can_write;
    std::optional<UnixMillis> expires;
};

Result<KeyRecord> find_record(Database& database, const Fingerprint& fingerprint) {
    auto found = read_one<KeyRecord>(database, select_key, {BlobView{fingerprint.bytes()}}, read_key_record);
    if (!found) return pass_on(found);
    if (*found) return std::move(**found);
    return client_error("there is no key " + fingerprint.text() + ": `gerve key list` shows those there are");
}

Result<KeyRecord> insert(Database& database, NewKey add, UnixMillis now) {
    const auto title = choose_title(add.key, std::move(add.title));
    if (!title) return pass_on(title);
    if (add.expires && *add.expires <= now) {
        return client_error("the key would expire in the past, on " + time_text(*add.expires));
    }
    const Fingerprint fingerprint = add.key.fingerprint();
    const Bind expires = add.expires ? Bind(*add.expires) : Bind();
    const auto added =
        database.execute(insert_key, {BlobView{fingerprint.bytes()}, std::string_view(add.key.algorithm()),
                                      BlobView{add.key.blob()}, std::string_view(*title), add.account,
                                      add.repo, std::int64_t{add.can_write}, now, expires});
    if (!added && added.error().kind != ErrorKind::client) return pass_on(added);
    auto record = find_record(database, fingerprint);
    if (!record || added) return record;
    return refuse_known_key(*record, now);
}

}  // namespace

Result<KeyRecord> Registry::add_key(const Login& user, const PublicKey& key, std::string title,
                                    std::optional<UnixMillis> expires) {
    const auto account = need_account(database_, user);
    if (!account) return pass_on(account);
    if (account->kind == AccountKind::organization) {
        return client_error(account->login.text() + " is an organisation: keys belong to users");
    }
    return insert(database_, {key, std::move(title), number_of(account->id), {}, false, expires}, clock_());
}

Result<KeyRecord> Registry::add_deploy_key(const RepoPath& repo, const PublicKey& key, std::string title,
                                           bool can_write, std::optional<UnixMillis> expires) {
    const auto repository = need_repository(database_, repo);
    if (!repository) return pass_on(repository);
    return insert(database_, {key, std::move(title), {}, number_of(repository->id), can_write, expires},
                  clock_());
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
    return find_record(database_, fingerprint);
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

Result<KeyRecord> Registry::revoke_key(const Fingerprint& fingerprint) {
    auto record = find_record(database_, fingerprint);
    if (!record) return record;
    const std::string already = "this key was revoked already";
    const UnixMillis now = clock_();
    const auto changed =
        must_change(database_, set_revoked, {now, number_of(record->id)},
                    record->revoked ? already + ", on " + time_text(*record->revoked) : already);
    if (!changed) return pass_on(changed);
    record->revoked = now;
    return record;
}

}  // namespace gerve

#include <algorithm>

#include "authz/base/big_endian.h"
#include "authz/base/digest.h"
#include "authz/base/display.h"
#include "authz/base/units.h"
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement select_authorities{
    "list-authorities",
    "SELECT c.id, c.name, c.key_blob, o.login, c.identity, c.host, c.longest_life, c.created_at, "
    "c.revoked_at,"
    " (SELECT COUNT(*) FROM certificate_revocations r WHERE r.authority_id = c.id)"
    " FROM certificate_authorities c LEFT JOIN accounts o ON o.id = c.org_id ORDER BY c.name"};
constexpr Statement insert_authority{
    "insert-authority",
    "INSERT INTO certificate_authorities"
    " (name, fingerprint, key_blob, org_id, identity, host, longest_life, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"};
constexpr Statement update_longest_life{"set-authority",
                                        "UPDATE certificate_authorities SET longest_life = ? WHERE id = ?"};
// The name and the key are unique: the row gives way for the one that takes its place.
constexpr Statement give_way{"replace-authority",
                             "UPDATE certificate_authorities SET name = ?, fingerprint = ? WHERE id = ?"};
constexpr Statement move_revocations{
    "move-revocations", "UPDATE certificate_revocations SET authority_id = ? WHERE authority_id = ?"};
constexpr Statement set_authority_revoked{
    "revoke-authority",
    "UPDATE certificate_authorities SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"};
constexpr Statement delete_authority{"delete-authority", "DELETE FROM certificate_authorities WHERE id = ?"};
constexpr Statement delete_revocations{"delete-revocations",
                                       "DELETE FROM certificate_revocations WHERE authority_id = ?"};
constexpr Statement find_revocation_row{
    "find-revocation",
    "SELECT id FROM certificate_revocations"
    " WHERE authority_id = ? AND kind = ? AND first_value = ? AND last_value = ?"};
constexpr Statement insert_revocation{
    "insert-revocation",
    "INSERT INTO certificate_revocations (authority_id, kind, first_value, last_value, created_at)"
    " VALUES (?, ?, ?, ?, ?)"};
constexpr Statement select_revocations{
    "list-revocations",
    "SELECT kind, first_value, last_value, created_at FROM certificate_revocations"
    " WHERE authority_id = ? ORDER BY id"};

std::optional<AuthorityRecord> read_authority_record(RowReader& row) {
    const AuthorityId id{row.integer()};
    auto name = row.text_as(Login::parse);
    auto key = row.text_as(PublicKey::parse_blob);
    if (!name || !key) return std::nullopt;
    AuthorityRecord record{id, std::move(*name), std::move(*key), {}};
    if (row.next_is_null()) {
        row.skip();
    } else if (auto organization = row.text_as(Login::parse)) {
        record.options.organization = std::move(*organization);
    }
    record.options.identity = static_cast<IdentityRule>(row.integer_within(1, 3));
    record.options.host = row.text();
    record.options.longest_life = row.maybe_integer();
    record.created = row.integer();
    record.revoked = row.maybe_integer();
    record.revocations = row.integer();
    return record;
}

// What the name or the key stands for already; an authority of another name may have the key.
Result<std::optional<AuthorityRecord>> find_taken(const std::vector<AuthorityRecord>& all, const Login& name,
                                                  const PublicKey& key, const AuthorityOptions& options) {
    for (const AuthorityRecord& one : all) {
        const bool same_name = one.name.folded() == name.folded();
        const bool same_key = one.key == key;
        if (!same_name && !same_key) continue;
        if (same_name && same_key && one.options == options && !one.revoked) return one;
        const std::string who = "authority " + one.name.text();
        if (!same_name) return client_error(who + " already has this key: a key belongs to one authority");
        if (one.revoked) return client_error(who + " is revoked: add a new key under another name");
        if (!same_key)
            return client_error(who + " already exists with another key: give the new key another name");
        return client_error(who +
                            " already exists with other properties (`gerve ca list` shows them): change them "
                            "with `gerve ca set " +
                            one.name.text() + "`");
    }
    return std::nullopt;
}

// The organisation's id, or NULL; it is called by its login now.
Result<Bind> resolve_organization(Database& database, AuthorityOptions& options) {
    if (!options.organization) return Bind{};
    auto account = need_organization(database, *options.organization);
    if (!account) return pass_on(account);
    options.organization = account->login;
    return Bind{number_of(account->id)};
}

bool only_lives_longer(const AuthorityOptions& before, AuthorityOptions wanted) {
    const bool longer =
        before.longest_life && (!wanted.longest_life || *wanted.longest_life > *before.longest_life);
    wanted.longest_life = before.longest_life;
    return longer && wanted == before;
}

// By a row with another id, which what runs with its certificates does not know.
Result<void> replace_authority(Database& database, const AuthorityRecord& before,
                               const AuthorityOptions& wanted, const Bind& organization) {
    const Fingerprint fingerprint = before.key.fingerprint();
    const std::string aside = random_bytes(Fingerprint::size);
    const std::string aside_name = "~" + std::to_string(number_of(before.id));
    const std::int64_t old_id = number_of(before.id);
    if (auto away = run(database, give_way, {std::string_view(aside_name), BlobView{aside}, old_id}); !away)
        return away;
    const auto added =
        must_change(database, insert_authority,
                    {std::string_view(before.name.folded()), BlobView{fingerprint.bytes()},
                     BlobView{before.key.blob()}, organization, static_cast<std::int64_t>(wanted.identity),
                     std::string_view(wanted.host), bind_of(wanted.longest_life), before.created},
                    "another command changed the authority at the same time: try again");
    if (!added) return pass_on(added);
    if (auto moved = run(database, move_revocations, {added->inserted_id, old_id}); !moved) return moved;
    return run(database, delete_authority, {old_id});
}

Result<bool> add_revocation(Database& database, AuthorityId authority, const Revocation& one,
                            UnixMillis now) {
    const auto by = static_cast<std::int64_t>(one.by);
    const std::vector<Bind> binds{number_of(authority), by, BlobView{one.first}, BlobView{one.last}};
    const auto there = read_one<std::int64_t>(database, find_revocation_row, binds,
                                              [](RowReader& row) { return std::optional(row.integer()); });
    if (!there) return pass_on(there);
    if (*there) return false;
    auto with_time = binds;
    with_time.emplace_back(now);
    const auto added = database.execute(insert_revocation, with_time);
    if (!added) return pass_on(added);
    return true;
}

}  // namespace

Revocation revoke_serials(std::uint64_t first, std::uint64_t last) {
    Revocation revocation{RevokedBy::serial, {}, {}};
    put_number(revocation.first, first);
    put_number(revocation.last, last);
    return revocation;
}

Revocation revoke_value(RevokedBy by, std::string value) {
    return {by, value, value};
}

std::string text_of(const Revocation& revocation) {
    switch (revocation.by) {
        case RevokedBy::serial: {
            const std::string first = std::to_string(get_number(revocation.first));
            const std::string last = std::to_string(get_number(revocation.last));
            return first == last ? first : first + "-" + last;
        }
        case RevokedBy::key_id: return revocation.first;
        case RevokedBy::certificate:
        case RevokedBy::key: break;
    }
    const auto fingerprint = Fingerprint::parse_bytes(revocation.first);
    return fingerprint ? fingerprint->text() : "?";
}

Result<std::vector<AuthorityRecord>> Registry::list_authorities() {
    return read_all<AuthorityRecord>(database_, select_authorities, {}, read_authority_record);
}

Result<AuthorityRecord> Registry::show_authority(const Login& name) {
    auto all = list_authorities();
    if (!all) return pass_on(all);
    for (AuthorityRecord& one : *all) {
        if (one.name.folded() == name.folded()) return std::move(one);
    }
    return client_error("there is no authority " + name.text() + ": `gerve ca list` lists them");
}

Result<Added<AuthorityRecord>> Registry::add_authority(const Login& name, const PublicKey& key,
                                                       const AuthorityOptions& options) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    AuthorityOptions wanted = options;
    const auto organization = resolve_organization(database_, wanted);
    if (!organization) return pass_on(organization);
    const auto all = list_authorities();
    if (!all) return pass_on(all);
    auto taken = find_taken(*all, name, key, wanted);
    if (!taken) return pass_on(taken);
    if (*taken) return Added<AuthorityRecord>{std::move(**taken), true};
    const Fingerprint fingerprint = key.fingerprint();
    const auto added =
        must_change(database_, insert_authority,
                    {std::string_view(name.folded()), BlobView{fingerprint.bytes()}, BlobView{key.blob()},
                     *organization, static_cast<std::int64_t>(wanted.identity), std::string_view(wanted.host),
                     bind_of(wanted.longest_life), clock_()},
                    "another command added the authority at the same time: try again");
    if (!added) return pass_on(added);
    auto record = show_authority(name);
    if (!record) return pass_on(record);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Added<AuthorityRecord>{std::move(*record), false};
}

Result<AuthorityChanged> Registry::change_authority(const Login& name, const AuthorityChange& change) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    auto before = show_authority(name);
    if (!before) return pass_on(before);
    if (before->revoked)
        return client_error("authority " + before->name.text() + " is revoked: its certificates never count");
    AuthorityOptions wanted = change.over(before->options);
    const auto organization = resolve_organization(database_, wanted);
    if (!organization) return pass_on(organization);
    if (before->options == wanted)
        return AuthorityChanged{Outcome::already, before->options, std::move(*before)};
    const auto changed =
        only_lives_longer(before->options, wanted)
            ? run(database_, update_longest_life, {bind_of(wanted.longest_life), number_of(before->id)})
            : replace_authority(database_, *before, wanted, *organization);
    if (!changed) return pass_on(changed);
    auto now = show_authority(name);
    if (!now) return pass_on(now);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return AuthorityChanged{Outcome::done, before->options, std::move(*now)};
}

Result<AuthorityRecord> Registry::remove_authority(const Login& name, bool with_revocations) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    auto authority = show_authority(name);
    if (!authority) return authority;
    const std::string& text = authority->name.text();
    if (!with_revocations && (authority->revoked || authority->revocations > 0))
        return client_error(
            "authority " + text + " " + (authority->revoked ? "is revoked" : "has revoked certificates") +
            ": if its key were added again, its revoked certificates would be accepted. Keep it" +
            (authority->revoked ? "" : " (`gerve ca revoke " + text + " --all` revokes all of them)") +
            ", or use --force to remove its revocations as well");
    for (const Statement& statement : {delete_revocations, delete_authority}) {
        if (auto done = run(database_, statement, {number_of(authority->id)}); !done) return pass_on(done);
    }
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return authority;
}

// Reads and writes in one transaction: change_authority() gives the row another id.
Result<Outcome> Registry::revoke_authority(const Login& name) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto authority = show_authority(name);
    if (!authority) return pass_on(authority);
    if (authority->revoked) return Outcome::already;
    const auto revoked = must_change(database_, set_authority_revoked, {clock_(), number_of(authority->id)},
                                     "another command changed the authority at the same time: try again");
    if (!revoked) return pass_on(revoked);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

Result<std::size_t> Registry::revoke_certificates(const Login& name,
                                                  const std::vector<Revocation>& revocations) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto authority = show_authority(name);
    if (!authority) return pass_on(authority);
    std::size_t added = 0;
    for (const Revocation& one : revocations) {
        const auto is_new = add_revocation(database_, authority->id, one, clock_());
        if (!is_new) return pass_on(is_new);
        added += *is_new ? 1 : 0;
    }
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return added;
}

Result<std::vector<Revocation>> Registry::list_revocations(const Login& name) {
    const auto authority = show_authority(name);
    if (!authority) return pass_on(authority);
    return read_all<Revocation>(database_, select_revocations, {number_of(authority->id)},
                                [](RowReader& row) -> std::optional<Revocation> {
                                    const auto by = static_cast<RevokedBy>(row.integer_within(1, 4));
                                    std::string first = row.text();
                                    std::string last = row.text();
                                    const bool fits =
                                        by != RevokedBy::serial || (first.size() == 8 && last.size() == 8);
                                    if (!row.good() || !fits) return std::nullopt;
                                    return Revocation{by, std::move(first), std::move(last), row.integer()};
                                });
}

}  // namespace gerve

// What becomes of a key once it is there: another holder, another end, revoked.
#include "authz/base/units.h"
#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement set_revoked{"revoke-key",
                                "UPDATE public_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"};
constexpr Statement set_holder{"move-key",
                               "UPDATE public_keys SET account_id = ?, repo_id = NULL, can_write = 0"
                               " WHERE id = ? AND revoked_at IS NULL"};
constexpr Statement set_expiry{"extend-key",
                               "UPDATE public_keys SET expires_at = ? WHERE id = ? AND revoked_at IS NULL"};
constexpr Statement set_title{"retitle-key", "UPDATE public_keys SET title = ? WHERE id = ?"};
constexpr Statement update_no_touch{"set-no-touch-required",
                                    "UPDATE public_keys SET no_touch_required = ? WHERE id = ?"};

Result<KeyRecord> need_unrevoked(Database& database, const Fingerprint& fingerprint) {
    auto key = need_key(database, fingerprint);
    if (!key || !key->revoked) return key;
    return client_error(
        "this key was revoked on " + time_text(*key->revoked) +
        ": a revoked key can be added again, with `gerve key add`, only if it was never used to log in");
}

constexpr const char* raced = "the key was revoked at the same time";

}  // namespace

Result<KeyRecord> Registry::revoke_key(const Fingerprint& fingerprint) {
    auto record = need_key(database_, fingerprint);
    if (!record) return record;
    const std::string already = "this key was already revoked";
    const UnixMillis now = clock_();
    const auto changed =
        must_change(database_, set_revoked, {now, number_of(record->id)},
                    record->revoked ? already + " on " + time_text(*record->revoked) : already);
    if (!changed) return pass_on(changed);
    record->revoked = now;
    return record;
}

Result<KeyMove> Registry::move_key(const Fingerprint& fingerprint, const Login& user) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto account = need_user(database_, user);
    if (!account) return pass_on(account);
    auto before = need_unrevoked(database_, fingerprint);
    if (!before) return pass_on(before);
    const User* holder = user_of(before->holder);
    if (holder != nullptr && holder->id == account->id) return KeyMove{*before, *before};
    // The row may be as it was (MySQL counts changed rows), so it is read again rather than counted.
    if (const auto moved = database_.execute(set_holder, {number_of(account->id), number_of(before->id)});
        !moved)
        return pass_on(moved);
    auto after = need_unrevoked(database_, fingerprint);
    if (!after) return pass_on(after);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return KeyMove{std::move(*before), std::move(*after)};
}

Result<Added<KeyRecord>> Registry::extend_key(const Fingerprint& fingerprint,
                                              std::optional<UnixMillis> expires) {
    auto key = need_unrevoked(database_, fingerprint);
    if (!key) return pass_on(key);
    if (expires && *expires <= clock_())
        return client_error("the expiry date is in the past: " + time_text(*expires));
    if (key->expires == expires) return Added<KeyRecord>{std::move(*key), true};
    const auto changed = must_change(database_, set_expiry, {bind_of(expires), number_of(key->id)}, raced);
    if (!changed) return pass_on(changed);
    key->expires = expires;
    return Added<KeyRecord>{std::move(*key), false};
}

Result<KeyRecord> Registry::retitle_key(const Fingerprint& fingerprint, const std::string& title) {
    if (auto fits = check_declared_title(title); !fits) return pass_on(fits);
    auto key = need_key(database_, fingerprint);
    if (!key || key->title == title) return key;
    if (auto done = run(database_, set_title, {std::string_view(title), number_of(key->id)}); !done)
        return pass_on(done);
    key->title = title;
    return key;
}

Result<Outcome> Registry::set_no_touch_required(const Fingerprint& fingerprint, bool no_touch) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto key = need_key(database_, fingerprint);
    if (!key) return pass_on(key);
    if (key->no_touch_required == no_touch) return Outcome::already;
    if (auto done = check_no_touch(key->algorithm, no_touch); !done) return pass_on(done);
    if (auto done = run(database_, update_no_touch, {std::int64_t{no_touch}, number_of(key->id)}); !done)
        return pass_on(done);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

}  // namespace gerve

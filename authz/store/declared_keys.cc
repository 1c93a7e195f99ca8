// What differs in keys of users and of repositories.
#include "authz/base/units.h"
#include "authz/store/declared_differences.h"

namespace gerve {
namespace {

std::string end_text(const std::optional<UnixMillis>& expires) {
    return expires ? time_text(*expires) : "never";
}

std::string touch_text(const DeclaredKey& key) {
    return key.no_touch_required ? "not required" : "required";
}

class KeyDifferences {
  public:
    explicit KeyDifferences(DeclaredDifferences& all) : all_(all) {}
    void compare() { compare_keys(); }

  private:
    static DeclaredChange key_change(ChangeSign sign, const DeclaredKey& key, TextPlace place) {
        const bool deploys = std::holds_alternative<RepoPath>(key.holder);
        const std::string fingerprint = key.key.fingerprint().text();
        return {.sign = sign,
                .kind = deploys ? DeclaredKind::deploy_key : DeclaredKind::key,
                .name = name_of(key.holder) + " " + fingerprint,
                .about = {{deploys ? "repo" : "user", name_of(key.holder)}, {"fingerprint", fingerprint}},
                .place = place,
                .turn = put_keys};
    }

    static std::string rights_of(const DeclaredKey& key) {
        if (std::holds_alternative<Login>(key.holder)) return "";
        return key.can_write ? "write" : "read";
    }

    static Result<void> add_key(Registry& registry, const DeclaredKey& key, bool uses_recorded) {
        const KeyOptions options{key.title, key.expires, uses_recorded, true, key.no_touch_required};
        const auto added = match(
            key.holder, [&](const Login& user) { return registry.add_key(user, key.key, options); },
            [&](const RepoPath& repo) {
                return registry.add_deploy_key(repo, key.key, key.can_write, options);
            });
        if (!added || !key.revoked) return without_value(added);
        return without_value(registry.revoke_key(key.key.fingerprint()));
    }

    void put_key(const DeclaredKey& key) {
        DeclaredChange change = key_change(ChangeSign::add, key, key.place);
        change.after = rights_of(key);
        if (key.revoked) change.after += change.after.empty() ? "revoked" : ", revoked";
        change.make = [key, recorded = all_.options().uses_recorded](Registry& registry) {
            return add_key(registry, key, recorded);
        };
        all_.note(std::move(change));
    }

    void note_key(const DeclaredKey& wanted, const DeclaredKey& there, const char* attribute,
                  std::string before, std::string after, std::function<Result<void>(Registry&)> make) {
        DeclaredChange change = key_change(ChangeSign::change, there, wanted.place);
        change.attribute = attribute;
        change.before = std::move(before);
        change.after = std::move(after);
        change.make = std::move(make);
        all_.note(std::move(change));
    }

    void revoke(const DeclaredKey& wanted, const DeclaredKey& there) {
        note_key(wanted, there, "", "live", "revoked", [key = there.key.fingerprint()](Registry& registry) {
            return without_value(registry.revoke_key(key));
        });
    }

    // Its title, its end, and whether it has to be touched.
    void change_key(const DeclaredKey& wanted, const DeclaredKey& there) {
        const Fingerprint key = there.key.fingerprint();
        if (wanted.title != there.title) {
            note_key(wanted, there, "title", there.title, wanted.title,
                     [key, title = wanted.title](Registry& registry) {
                         return without_value(registry.retitle_key(key, title));
                     });
        }
        if (wanted.no_touch_required != there.no_touch_required) {
            note_key(wanted, there, "touch", touch_text(there), touch_text(wanted),
                     [key, no_touch = wanted.no_touch_required](Registry& registry) {
                         return without_value(registry.set_no_touch_required(key, no_touch));
                     });
        }
        if (wanted.expires != there.expires) {
            note_key(wanted, there, "expires", end_text(there.expires), end_text(wanted.expires),
                     [key, expires = wanted.expires](Registry& registry) {
                         return without_value(registry.extend_key(key, expires));
                     });
        }
    }

    void move_key(const DeclaredKey& wanted, const DeclaredKey& there, const Login& user) {
        note_key(wanted, there, "", name_of(there.holder), user.text(),
                 [key = there.key.fingerprint(), user](Registry& registry) {
                     return without_value(registry.move_key(key, user));
                 });
    }

    // What no command changes: it is shown with the changes, and refused with them.
    void refuse_rights(const DeclaredKey& wanted, const DeclaredKey& there) {
        note_key(wanted, there, "", rights_of(there), rights_of(wanted), [](Registry&) -> Result<void> {
            return client_error(
                "the rights of a deploy key cannot be changed: revoke it, and add a new key with other "
                "rights");
        });
    }

    void compare_key(const DeclaredKey& wanted, const DeclaredKey& there) {
        if (there.revoked && wanted.revoked) return;
        if (there.revoked) return put_key(wanted);  // refused if it was used
        if (wanted.revoked) return revoke(wanted, there);
        const Login* user = std::get_if<Login>(&wanted.holder);
        const bool same_holder = wanted.holder == there.holder;
        if (!same_holder && user == nullptr) return put_key(wanted);  // refused: it has a holder
        if (!same_holder) move_key(wanted, there, *user);
        if (same_holder && wanted.can_write != there.can_write) return refuse_rights(wanted, there);
        change_key(wanted, there);
    }

    void drop_key(const DeclaredKey& there) {
        if (there.revoked) return;
        DeclaredChange change = key_change(ChangeSign::remove, there, {});
        if (!all_.options().prune) return all_.keep(change.kind);
        change.before = rights_of(there);
        change.turn = drop_keys;
        change.make = [key = there.key.fingerprint()](Registry& registry) {
            return without_value(registry.revoke_key(key));
        };
        all_.note(std::move(change));
    }

    void compare_keys() {
        walk_declared(
            all_.wanted().keys, all_.there().keys,
            [&](const auto&, const DeclaredKey& wanted, const DeclaredKey& there) {
                compare_key(wanted, there);
            },
            [&](const auto&, const DeclaredKey& wanted) { put_key(wanted); },
            [&](const auto&, const DeclaredKey& there) { drop_key(there); });
    }

    DeclaredDifferences& all_;
};

}  // namespace

void DeclaredDifferences::compare_keys() {
    KeyDifferences(*this).compare();
}

}  // namespace gerve

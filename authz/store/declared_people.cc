// What differs in accounts, organisations and teams.
#include <set>

#include "authz/store/declared_differences.h"

namespace gerve {
namespace {

class People {
  public:
    explicit People(DeclaredDifferences& all) : all_(all), lasting_(find_lasting()) {}
    void compare() {
        compare_accounts();
        compare_members();
        compare_teams();
    }

  private:
    // Whoever owns a repository, has logged in by a key (perhaps, where logins are not recorded), or has an
    // authority.
    [[nodiscard]] std::set<Login> find_lasting() const {
        std::set<Login> lasting = all_.options().used;
        for (const auto& [repo, there] : all_.there().repositories) lasting.insert(repo.owner());
        if (all_.options().uses_recorded) return lasting;
        for (const auto& [fingerprint, key] : all_.there().keys) {
            if (const auto* holder = std::get_if<Login>(&key.holder)) lasting.insert(*holder);
        }
        return lasting;
    }

    void note_suspension(const Login& login, bool suspend, TextPlace place) {
        all_.note({.sign = ChangeSign::change,
                   .kind = DeclaredKind::user,
                   .name = login.text(),
                   .before = suspend ? "active" : "suspended",
                   .after = suspend ? "suspended" : "active",
                   .about = {{"user", login.text()}},
                   .place = place,
                   .turn = put_accounts,
                   .make = [login, suspend](Registry& registry) {
                       return suspend ? registry.suspend_account(login) : registry.unsuspend_account(login);
                   }});
    }

    static DeclaredKind kind_of(const DeclaredAccount& account) {
        return account.kind == AccountKind::user ? DeclaredKind::user : DeclaredKind::organization;
    }

    void add_account(const DeclaredAccount& one) {
        all_.note({.kind = kind_of(one),
                   .name = one.login.text(),
                   .after = after_adding(one),
                   .about = {{"user", one.login.text()}},
                   .place = one.place,
                   .turn = put_accounts,
                   .make = [one](Registry& registry) {
                       if (const auto added = registry.add_account(one.login, one.kind); !added)
                           return without_value(added);
                       if (one.policy != LoginPolicy{}) return set_policy(registry, one.login, one.policy);
                       return one.suspended ? registry.suspend_account(one.login) : Result<void>();
                   }});
    }

    static std::string after_adding(const DeclaredAccount& one) {
        if (one.policy != LoginPolicy{}) return "policy " + text_of(one.policy);
        return one.suspended ? "suspended" : "";
    }

    static Result<void> set_policy(Registry& registry, const Login& login, const LoginPolicy& policy) {
        return without_value(registry.change_policy(login, LoginPolicyChange::to(policy)));
    }

    void note_policy(const DeclaredAccount& wanted, const DeclaredAccount& there) {
        all_.note({.sign = ChangeSign::change,
                   .kind = DeclaredKind::organization,
                   .name = there.login.text(),
                   .attribute = "policy",
                   .before = text_of(there.policy),
                   .after = text_of(wanted.policy),
                   .about = {{"user", there.login.text()}},
                   .place = wanted.place,
                   .turn = put_members,
                   .make = [login = there.login, policy = wanted.policy](Registry& registry) {
                       return set_policy(registry, login, policy);
                   }});
    }

    void drop_account(const DeclaredAccount& one) {
        const bool is_user = one.kind == AccountKind::user;
        const bool stays = lasting_.contains(one.login);
        if (!all_.options().prune || (stays && (!is_user || one.suspended))) return all_.keep(kind_of(one));
        if (stays) return note_suspension(one.login, true, {});
        all_.note(
            {.sign = ChangeSign::remove,
             .kind = kind_of(one),
             .name = one.login.text(),
             .about = {{"user", one.login.text()}},
             .turn = drop_accounts,
             .make = [login = one.login](Registry& registry) { return registry.remove_account(login); }});
    }

    void compare_accounts() {
        walk_declared(
            all_.wanted().accounts, all_.there().accounts,
            [&](const Login& login, const DeclaredAccount& wanted, const DeclaredAccount& there) {
                if (wanted.kind != there.kind) return add_account(wanted);  // it will be refused
                if (wanted.suspended != there.suspended)
                    note_suspension(login, wanted.suspended, wanted.place);
                if (wanted.policy != there.policy) note_policy(wanted, there);
            },
            [&](const Login&, const DeclaredAccount& wanted) { add_account(wanted); },
            [&](const Login&, const DeclaredAccount& there) { drop_account(there); });
    }

    DeclaredChange member_change(const DeclaredState::Member& who, ChangeSign sign) {
        return {.sign = sign,
                .kind = DeclaredKind::member,
                .name = who.first.text() + " " + who.second.text(),
                .about = {{"org", who.first.text()}, {"user", who.second.text()}}};
    }

    void put_member(const DeclaredState::Member& who, const DeclaredMember& wanted,
                    const DeclaredMember* there) {
        DeclaredChange change = member_change(who, there == nullptr ? ChangeSign::add : ChangeSign::change);
        if (there != nullptr) change.before = org_role_name(there->role);
        change.after = org_role_name(wanted.role);
        change.place = wanted.place;
        change.turn = put_members;
        change.make = [who, role = wanted.role](Registry& registry) {
            return without_value(registry.set_org_member(who.first, who.second, role));
        };
        all_.note(std::move(change));
    }

    void drop_member(const DeclaredState::Member& who, const DeclaredMember& there) {
        if (!all_.options().prune) return all_.keep(DeclaredKind::member);
        DeclaredChange change = member_change(who, ChangeSign::remove);
        change.before = org_role_name(there.role);
        change.turn = drop_members;
        change.make = [who](Registry& registry) { return registry.remove_org_member(who.first, who.second); };
        all_.note(std::move(change));
    }

    void compare_members() {
        walk_declared(
            all_.wanted().members, all_.there().members,
            [&](const auto& who, const DeclaredMember& wanted, const DeclaredMember& there) {
                if (wanted.role != there.role && !wanted.is_implied) put_member(who, wanted, &there);
            },
            [&](const auto& who, const DeclaredMember& wanted) { put_member(who, wanted, nullptr); },
            [&](const auto& who, const DeclaredMember& there) { drop_member(who, there); });
    }

    void put_team(const TeamPath& team, TextPlace place) {
        all_.note({.kind = DeclaredKind::team,
                   .name = team.text(),
                   .about = {{"team", team.text()}},
                   .place = place,
                   .turn = put_teams,
                   .make = [team](Registry& registry) { return without_value(registry.add_team(team)); }});
    }

    void drop_team(const TeamPath& team) {
        if (!all_.options().prune) return all_.keep(DeclaredKind::team);
        all_.note({.sign = ChangeSign::remove,
                   .kind = DeclaredKind::team,
                   .name = team.text(),
                   .about = {{"team", team.text()}},
                   .turn = drop_teams,
                   .make = [team](Registry& registry) { return registry.remove_team(team); }});
    }

    void note_team_member(const DeclaredState::TeamMember& who, ChangeSign sign, TextPlace place) {
        const bool adds = sign == ChangeSign::add;
        all_.note({.sign = sign,
                   .kind = DeclaredKind::team_member,
                   .name = who.first.text() + " " + who.second.text(),
                   .about = {{"team", who.first.text()}, {"user", who.second.text()}},
                   .place = place,
                   .turn = adds ? put_team_members : drop_team_members,
                   .make = [who, adds](Registry& registry) {
                       return adds ? without_value(registry.add_team_member(who.first, who.second))
                                   : registry.remove_team_member(who.first, who.second);
                   }});
    }

    void compare_teams() {
        walk_declared(
            all_.wanted().teams, all_.there().teams, [](const auto&, TextPlace, TextPlace) {},
            [&](const TeamPath& team, TextPlace place) { put_team(team, place); },
            [&](const TeamPath& team, TextPlace) { drop_team(team); });
        walk_declared(
            all_.wanted().team_members, all_.there().team_members, [](const auto&, TextPlace, TextPlace) {},
            [&](const auto& who, TextPlace place) { note_team_member(who, ChangeSign::add, place); },
            [&](const auto& who, TextPlace) {
                all_.options().prune ? note_team_member(who, ChangeSign::remove, {})
                                     : all_.keep(DeclaredKind::team_member);
            });
    }

    DeclaredDifferences& all_;
    std::set<Login> lasting_;  // who is suspended, and not removed
};

}  // namespace

void DeclaredDifferences::compare_people() {
    People(*this).compare();
}

}  // namespace gerve

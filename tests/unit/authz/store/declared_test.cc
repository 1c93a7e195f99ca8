// What differs between a directory and a declared state, and how it is made so.
#include "tests/unit/authz/store/declared.h"

#include "tests/unit/authz/store/passing.h"
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using Changes = std::vector<std::string>;

// Users alice (with key 1) and bob, acme with its owner alice and the team devs of bob, acme/site with a
// deploy key (2) and a grant each.
DeclaredState company() {
    DeclaredState state;
    for (const char* name : {"alice", "bob"})
        state.accounts.emplace(login(name), DeclaredAccount{login(name), AccountKind::user, false, {}});
    state.accounts.emplace(login("acme"),
                           DeclaredAccount{login("acme"), AccountKind::organization, false, {}});
    state.members.emplace(std::pair(login("acme"), login("alice")), DeclaredMember{OrgRole::owner, {}});
    state.members.emplace(std::pair(login("acme"), login("bob")), DeclaredMember{OrgRole::member, {}});
    state.teams.emplace(team("acme/devs"), TextPlace{});
    state.team_members.emplace(std::pair(team("acme/devs"), login("bob")), TextPlace{});
    state.repositories.emplace(repo("acme/site"), DeclaredRepository{});
    const PublicKey own = make_key(1);
    const PublicKey machine = make_key(2);
    state.keys.emplace(own.fingerprint(), DeclaredKey{own, login("alice"), "laptop", {}, false, false, {}});
    state.keys.emplace(machine.fingerprint(),
                       DeclaredKey{machine, repo("acme/site"), "ci", {}, false, false, {}});
    state.grants.emplace(std::pair(repo("acme/site"), GrantHolder(login("bob"))),
                         DeclaredGrant{Access::read, {}});
    state.grants.emplace(std::pair(repo("acme/site"), GrantHolder(team("acme/devs"))),
                         DeclaredGrant{Access::write, {}});
    return state;
}

std::string key_name(unsigned n) {
    return make_key(n).fingerprint().text();
}

DeclaredKey& key_of(DeclaredState& state, unsigned n) {
    return state.keys.at(make_key(n).fingerprint());
}

// Why a state is refused; the directory stays as it was.
std::string refusal_of(Store& store, const DeclaredState& wanted) {
    const DeclaredState before = must(store.registry().read_declared());
    std::string why;
    {
        const auto transaction = must(Transaction::begin(store.database()));
        Registry registry = store.registry();
        const DeclaredComparison found = compare_with(store, wanted);
        for (const RefusedChange& one : must(make_declared(registry, found.changes)))
            why += (why.empty() ? "" : "\n") + one.change->text() + ": " + one.why;
    }
    CHECK(lines_of(compare_with(store, before, true)).empty());
    return why;
}

// Fails the n-th statement that changes something.
class Failing final : public Passing {
  public:
    Failing(Database& below, unsigned fail_at) : Passing(below), left_(fail_at) {}
    Result<Change> execute(const Statement& statement, Binds binds) override {
        if (left_ > 0 && --left_ == 0) return unavailable("the disk is full");
        return Passing::execute(statement, binds);
    }

  private:
    unsigned left_;
};

}  // namespace

TEST_CASE("an empty directory becomes what is declared, and then nothing differs") {
    Store store;
    CHECK(lines_of(apply_declared(store, company())) ==
          Changes{"+ user alice", "+ user bob", "+ organisation acme", "+ member acme alice (owner)",
                  "+ member acme bob (member)", "+ team acme/devs", "+ team member acme/devs bob",
                  "+ repository acme/site (private)", "+ key alice " + key_name(1),
                  "+ deploy key acme/site " + key_name(2) + " (read)", "+ grant acme/site acme/devs (write)",
                  "+ grant acme/site bob (read)"});
    CHECK(apply_declared(store, company(), true).changes.empty());
    CHECK(must(store.registry().show_key(make_key(1).fingerprint())).title == "laptop");
    CHECK(compare_with(store, {}).changes.empty());
}

TEST_CASE("each property that differs is a change") {
    Store store;
    apply_declared(store, company());
    DeclaredState wanted = company();
    wanted.accounts.at(login("bob")).suspended = true;
    wanted.members.at({login("acme"), login("bob")}).role = OrgRole::owner;
    wanted.repositories.at(repo("acme/site")) = {true, true, true, {}};
    wanted.grants.at({repo("acme/site"), login("bob")}).access = Access::admin;
    key_of(wanted, 1).title = "desk";
    key_of(wanted, 1).expires = test_now + 86'400'000;
    key_of(wanted, 2).revoked = true;
    CHECK(lines_of(apply_declared(store, wanted)) ==
          Changes{"~ user bob: active -> suspended", "~ member acme bob: member -> owner",
                  "~ repository acme/site: private -> public",
                  "~ repository acme/site: unarchived -> archived",
                  "~ repository acme/site: enabled -> disabled",
                  "~ key alice " + key_name(1) + ": title \"laptop\" -> \"desk\"",
                  "~ key alice " + key_name(1) + ": expires never -> 2023-11-15T22:13:20Z",
                  "~ deploy key acme/site " + key_name(2) + ": live -> revoked",
                  "~ grant acme/site bob: read -> admin"});
    CHECK(apply_declared(store, wanted, true).changes.empty());
    // Key 2 was revoked and never used, so that it comes back.
    CHECK(lines_of(apply_declared(store, company())).size() == 9);
    CHECK(apply_declared(store, company(), true).changes.empty());
}

TEST_CASE("a key goes to the user that is declared to hold it") {
    Store store;
    apply_declared(store, company());
    DeclaredState wanted = company();
    key_of(wanted, 1).holder = login("bob");
    key_of(wanted, 2).holder = login("bob");
    CHECK(lines_of(apply_declared(store, wanted)) ==
          Changes{"~ key alice " + key_name(1) + ": alice -> bob",
                  "~ deploy key acme/site " + key_name(2) + ": acme/site -> bob"});
    CHECK(must(store.registry().list_keys(login("bob"))).size() == 2);
}

TEST_CASE("what is not declared stays, and is counted; pruning withdraws it and destroys nothing") {
    Store store;
    apply_declared(store, company());
    DeclaredState wanted;
    wanted.accounts.emplace(login("alice"), company().accounts.at(login("alice")));
    const DeclaredComparison kept = apply_declared(store, wanted);
    CHECK(kept.changes.empty());
    CHECK(kept.kept == std::map<DeclaredKind, std::size_t>{{DeclaredKind::user, 1},
                                                           {DeclaredKind::organization, 1},
                                                           {DeclaredKind::member, 2},
                                                           {DeclaredKind::team, 1},
                                                           {DeclaredKind::team_member, 1},
                                                           {DeclaredKind::repository, 1},
                                                           {DeclaredKind::key, 1},
                                                           {DeclaredKind::deploy_key, 1},
                                                           {DeclaredKind::grant, 2}});
    CHECK(lines_of(apply_declared(store, wanted, true)) ==
          Changes{"- user bob", "- member acme alice (owner)", "- member acme bob (member)",
                  "- team acme/devs", "- team member acme/devs bob",
                  "~ repository acme/site: enabled -> disabled", "- key alice " + key_name(1),
                  "- deploy key acme/site " + key_name(2) + " (read)", "- grant acme/site acme/devs (write)",
                  "- grant acme/site bob (read)"});
    const DeclaredComparison again = apply_declared(store, wanted, true);
    CHECK(again.changes.empty());
    // acme owns a repository.
    CHECK(again.kept == std::map<DeclaredKind, std::size_t>{{DeclaredKind::organization, 1},
                                                            {DeclaredKind::repository, 1}});
    CHECK(must(store.registry().show_repository(repo("acme/site"))).disabled.has_value());
    CHECK(must(store.registry().show_key(make_key(1).fingerprint())).revoked.has_value());
}

TEST_CASE("a user that owns a repository or logged in is suspended, not removed") {
    RegistrySite site;
    must(site->add_key(login("bob"), make_key(1), "", std::nullopt));
    site.by_hand(
        "INSERT INTO key_last_used (key_id, used_at, address) SELECT id, 5, '192.0.2.1' FROM public_keys");
    must(site->add_account(login("eve"), AccountKind::user));
    CHECK(lines_of(apply_declared(site, {}, true)) ==
          Changes{"~ user Alice: active -> suspended", "~ user bob: active -> suspended", "- user eve",
                  "- organisation acme", "~ repository Alice/site: enabled -> disabled",
                  "- key bob " + key_name(1)});
    const DeclaredComparison again = apply_declared(site, {}, true);
    CHECK(again.changes.empty());
    CHECK(again.kept ==
          std::map<DeclaredKind, std::size_t>{{DeclaredKind::user, 2}, {DeclaredKind::repository, 1}});
}

TEST_CASE("what no command does is refused, with why, and nothing is changed") {
    Store store;
    apply_declared(store, company());
    DeclaredState wanted = company();
    key_of(wanted, 2).can_write = true;
    CHECK(
        says(refusal_of(store, wanted), "deploy key acme/site " + key_name(2) +
                                            ": read -> write: the rights of a deploy key cannot be changed"));
    wanted = company();
    key_of(wanted, 1).holder = repo("acme/site");
    CHECK(says(refusal_of(store, wanted), "key already in use by alice"));
    wanted = company();
    wanted.accounts.at(login("bob")).kind = AccountKind::organization;
    CHECK(says(refusal_of(store, wanted), "+ organisation bob: there is already a user called bob"));
    store.by_hand(
        "INSERT INTO key_last_used (key_id, used_at, address) SELECT id, 5, '192.0.2.1' FROM public_keys");
    must(store.registry().revoke_key(make_key(1).fingerprint()));
    CHECK(says(refusal_of(store, company()), "it was used to log in, so it cannot be added again"));
}

TEST_CASE("all refusals of one turn are told") {
    Store store;
    apply_declared(store, company());
    DeclaredState wanted = company();
    wanted.accounts.emplace(login("carl"), DeclaredAccount{login("carl"), AccountKind::user, false, {}});
    for (const char* name : {"nobody", "nothing"})
        wanted.grants.emplace(std::pair(repo("acme/site"), GrantHolder(login(name))),
                              DeclaredGrant{Access::read, {}});
    CHECK(
        refusal_of(store, wanted) ==
        "+ grant acme/site nobody (read): there is no account 'nobody': add it with `gerve user add LOGIN`\n"
        "+ grant acme/site nothing (read): there is no account 'nothing': add it with `gerve user add "
        "LOGIN`");
}

TEST_CASE("an expired key is added as expired, and an end is not set to the past") {
    Store store;
    DeclaredState wanted = company();
    key_of(wanted, 1).expires = test_now - 1000;
    apply_declared(store, wanted);
    CHECK(must(store.registry().show_key(make_key(1).fingerprint())).state(test_now) == "expired");
    key_of(wanted, 1).expires = test_now - 500;
    CHECK(says(refusal_of(store, wanted), "the expiry date is in the past"));
}

TEST_CASE("a statement that fails anywhere leaves nothing changed") {
    Store store;
    DeclaredState before = company();
    before.accounts.erase(login("bob"));
    before.members.erase({login("acme"), login("bob")});
    before.team_members.clear();
    before.grants.clear();
    apply_declared(store, before);
    DeclaredState wanted = company();
    wanted.teams.clear();
    wanted.team_members.clear();
    wanted.grants.erase({repo("acme/site"), team("acme/devs")});
    wanted.repositories.emplace(repo("alice/new"), DeclaredRepository{true, true, false, {}});
    key_of(wanted, 1).title = "other";
    const auto fails = [&](unsigned at) {
        Failing failing(store.database(), at);
        Registry registry(failing, [] { return test_now; });
        const auto transaction = must(Transaction::begin(failing));
        const CompareOptions options{true, true, {}};
        const auto found = compare_declared(wanted, must(registry.read_declared()), options);
        const auto made = make_declared(registry, found.changes);
        if (!made) CHECK(made.error().kind == ErrorKind::unavailable);
        return !made;
    };
    unsigned failed = 0;
    while (fails(failed + 1)) {
        ++failed;
        CHECK(lines_of(compare_with(store, before, true)).empty());
    }
    CHECK(failed > 10);
    apply_declared(store, wanted, true);
    CHECK(lines_of(compare_with(store, wanted, true)).empty());
}

TEST_CASE("a transaction inside of another is a part of it") {
    Store store;
    Registry registry = store.registry();
    {
        auto outer = must(Transaction::begin(store.database()));
        must(registry.add_account(login("acme"), AccountKind::organization));
        must(registry.add_account(login("alice"), AccountKind::user));
        must(registry.set_org_member(login("acme"), login("alice"), OrgRole::owner));
        {
            const auto inner = must(Transaction::begin(store.database()));
            must(registry.set_org_member(login("acme"), login("alice"), OrgRole::member));
        }
        must(outer.commit());
    }
    CHECK(must(registry.list_org_members(login("acme"))).front().role == OrgRole::owner);
    {
        const auto outer = must(Transaction::begin(store.database()));
        must(registry.set_org_member(login("acme"), login("alice"), OrgRole::member));
    }
    CHECK(must(registry.list_org_members(login("acme"))).front().role == OrgRole::owner);
    CHECK(must(Transaction::begin(store.database())).commit().has_value());
}

// Random directories, made by the commands by which an administrator would make them; the same for a seed,
// with one compiler.
#pragma once

#include <random>

#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

// Of the rows of a Store, which it empties first.
class RandomWorld {
  public:
    RandomWorld(Store& store, std::uint64_t seed) : store_(store), random_(seed) {
        for (const char* table :
             {"key_last_used", "public_keys", "collaborators", "team_repos", "team_members", "org_members",
              "teams", "repo_redirects", "repositories", "accounts"}) {
            store_.by_hand(std::string("DELETE FROM ") + table);
        }
        for (const std::string& user : users) take(registry_.add_account(login(user), AccountKind::user));
        for (const std::string& org : orgs)
            take(registry_.add_account(login(org), AccountKind::organization));
        for (const std::string& one : teams) take(registry_.add_team(team(one)));
        for (unsigned i = 0; i < 8; ++i) create_repository();
        for (unsigned i = 0; i < 110; ++i) change();
        test_now += 1;  // now the keys that end soon have ended
    }

  private:
    using Names = std::vector<std::string>;
    const Names users{"Ann", "bob", "cy", "dee", "eve", "Finn", "gus", "hal"};
    const Names orgs{"acme", "Orga"};
    const Names teams{"acme/devs", "acme/Ops", "orga/all", "orga/few"};

    std::size_t below(std::size_t limit) { return random_() % limit; }
    const std::string& one_of(const Names& names) { return names[below(names.size())]; }
    bool chance(std::size_t one_in) { return below(one_in) == 0; }

    // Many changes are refused: what is there already, or is not there. A store that fails is another matter.
    template <class T>
    static void take(const Result<T>& result) {
        if (!result) REQUIRE_MESSAGE(result.error().kind == ErrorKind::client, describe(result.error()));
    }

    std::string owner() { return chance(2) ? one_of(users) : one_of(orgs); }
    void create_repository() {
        const auto made =
            registry_.create_repository(repo(owner() + "/r" + std::to_string(below(9))), chance(4));
        take(made);
        if (made) paths_.push_back(made->path.text());
    }
    RepoPath path() { return repo(one_of(paths_)); }
    Access level() { return static_cast<Access>(1 + below(3)); }

    void add_key(bool deploys) {
        const KeyOptions options{"", chance(4) ? std::optional(test_now + 1 + below(2)) : std::nullopt};
        const PublicKey key = make_key(++keys_);
        const auto added = deploys ? registry_.add_deploy_key(path(), key, chance(2), options)
                                   : registry_.add_key(login(one_of(users)), key, options);
        take(added);
        if (!added) return;
        if (chance(3)) {
            store_.by_hand("INSERT INTO key_last_used (key_id, used_at, address) VALUES (" +
                           std::to_string(number_of(added->id)) + ", " + std::to_string(1000 + below(1000)) +
                           ", '192.0.2.7')");
        }
        if (chance(5)) take(registry_.revoke_key(key.fingerprint()));
    }

    void change_repository() {
        switch (below(6)) {
            case 0: return take(registry_.archive_repository(path()));
            case 1: return take(registry_.unarchive_repository(path()));
            case 2: return chance(2) ? take(registry_.disable_repository(path())) : create_repository();
            case 3: return take(registry_.enable_repository(path()));
            case 4: return take(registry_.set_repository_public(path(), chance(2)));
            default: return move_repository();
        }
    }
    void move_repository() {
        const auto moved =
            registry_.rename_repository(path(), repo(owner() + "/m" + std::to_string(below(9))));
        take(moved);
        if (moved) paths_.push_back(moved->path.text());  // the old name leads there, and is refused
    }

    void change_members() {
        const std::string& user = one_of(users);
        const std::string& group = one_of(teams);
        switch (below(5)) {
            case 0: return take(registry_.set_org_member(login(one_of(orgs)), login(user), OrgRole::owner));
            case 1: return take(registry_.remove_org_member(login(one_of(orgs)), login(user)));
            case 2: return take(registry_.remove_team_member(team(group), login(user)));
            default: return take(registry_.add_team_member(team(group), login(user)));
        }
    }

    void change_account() {
        if (chance(3)) take(registry_.suspend_account(login(one_of(users))));
        if (chance(3)) take(registry_.unsuspend_account(login(one_of(users))));
    }

    void change() {
        switch (below(10)) {
            case 0:
            case 1: return take(registry_.grant_access(path(), login(one_of(users)), level()));
            case 2:
            case 3: return take(registry_.grant_access(path(), team(one_of(teams)), level()));
            case 4: return take(registry_.revoke_access(path(), login(one_of(users))));
            case 5: return change_repository();
            case 6: return change_account();
            case 7: return add_key(chance(2));
            default: return change_members();
        }
    }

    Store& store_;
    Registry registry_ = store_.registry();
    std::mt19937_64 random_;
    Names paths_;
    unsigned keys_ = 0;
};

}  // namespace gerve::testing

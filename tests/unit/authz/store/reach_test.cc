#include <map>

#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// The numbers from 0 to 9,999, in SQL that every engine understands.
std::string ten_thousand() {
    std::string digits = "(SELECT 0 AS d";
    for (int d = 1; d < 10; ++d) digits += " UNION ALL SELECT " + std::to_string(d);
    digits += ")";
    return "(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM " + digits + " a, " + digits + " b, " +
           digits + " c, " + digits + " e) numbers";
}

// bob reaches 2,000 repositories of his own, 3,000 of alice's as a collaborator, 4,000 of acme's by a team,
// 500 of these as a collaborator as well, and 1,000 of orga's as its owner.
struct Crowd {
    Crowd() {
        for (const char* name : {"alice", "bob"}) must(registry.add_account(login(name), AccountKind::user));
        for (const char* name : {"acme", "orga"})
            must(registry.add_account(login(name), AccountKind::organization));
        must(registry.add_team(team("acme/devs")));
        must(registry.add_team_member(team("acme/devs"), login("bob")));
        must(registry.set_org_member(login("orga"), login("bob"), OrgRole::owner));
        must(registry.add_key(login("bob"), make_key(1), {"", std::nullopt}));
        repositories("bob", 0, 2'000);
        repositories("alice", 2'000, 6'000);  // of which he reaches 3,000
        repositories("acme", 6'000, 10'000);
        repositories("orga", 0, 1'000);
        store.by_hand(
            "INSERT INTO collaborators (repo_id, account_id, level)"
            " SELECT r.id, b.id, 1 FROM repositories r, accounts b WHERE b.login = 'bob' AND " +
            owned_by("alice") + " AND r.name < '15000'");
        store.by_hand(
            "INSERT INTO collaborators (repo_id, account_id, level)"
            " SELECT r.id, b.id, 3 FROM repositories r, accounts b WHERE b.login = 'bob' AND " +
            owned_by("acme") + " AND r.name < '16500'");
        store.by_hand(
            "INSERT INTO team_repos (repo_id, team_id, level)"
            " SELECT r.id, t.id, 2 FROM repositories r, teams t WHERE " +
            owned_by("acme"));
    }
    static std::string owned_by(const std::string& owner) {
        return "r.owner_id = (SELECT x.id FROM accounts x WHERE x.login = '" + owner + "')";
    }
    void repositories(const std::string& owner, int from, int to) {
        store.by_hand(
            "INSERT INTO repositories (owner_id, name, name_folded, is_public, created_at)"
            " SELECT o.id, n + 10000, n + 10000, 0, 1 FROM " +
            ten_thousand() + ", accounts o WHERE o.login = '" + owner + "' AND n >= " + std::to_string(from) +
            " AND n < " + std::to_string(to));
    }

    Store store;
    Registry registry = store.registry();
};

}  // namespace

TEST_CASE("the reach of a key with ten thousand repositories is told whole, each way by its rule, and soon") {
    Crowd crowd;
    const auto started = std::chrono::steady_clock::now();
    const auto key = must(crowd.registry.show_key(make_key(1).fingerprint()));
    const auto reach = must(crowd.registry.list_reach(key));
    const auto took = std::chrono::steady_clock::now() - started;
    CHECK(reach.size() == 10'000);
    std::map<std::string, int> ways;
    for (const ReachRecord& one : reach) {
        const std::string via = one.way().via.empty() ? "" : " " + one.way().via;
        ++ways[std::string(rule_name(one.because)) + via + " " + std::string(access_name(one.access))];
    }
    const std::map<std::string, int> expected{{"owner admin", 2'000},
                                              {"collaborator read", 3'000},
                                              {"collaborator admin", 500},
                                              {"team acme/devs write", 3'500},
                                              {"organization orga admin", 1'000}};
    CHECK(ways == expected);
    // 40 ms on an idle machine; the bound is for one that is not.
    CHECK(took < std::chrono::seconds(5));
}

TEST_CASE("the addresses of a key are those of its last thousand uses, each once") {
    Crowd crowd;
    const auto fingerprint = make_key(1).fingerprint();
    CHECK(must(crowd.registry.list_addresses(fingerprint)).empty());
    const auto add = [&](const char* kind, const char* address, const char* first) {
        crowd.store.by_hand(
            "INSERT INTO audit_events"
            " (chain, seq, happened_at, gateway, kind, denied, fingerprint, address, body)"
            " SELECT X'00112233445566778899aabbccddeeff', n + " +
            std::string(first) + ", n, 'g', '" + kind + "', 0, k.fingerprint, " + address + ", '{}' FROM " +
            ten_thousand() + ", public_keys k WHERE n < 3000");
    };
    add("decision", "20 + n % 10", "1");
    add("offered", "'whoever'", "5000");  // needs the public key alone
    const auto addresses = must(crowd.registry.list_addresses(fingerprint));
    REQUIRE(addresses.size() == 10);
    CHECK(addresses[0].last == 2'999);
    for (const KeyAddress& one : addresses) CHECK(one.events == 100);
    CHECK(must(crowd.registry.list_addresses(make_key(2).fingerprint())).empty());
}

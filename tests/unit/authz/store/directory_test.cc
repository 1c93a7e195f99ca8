// The contract of a directory, whatever engine is below it.
#include "authz/store/directory.h"

#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// alice and bob, the organisation acme with the team devs, and a key of alice's.
struct Site : Store {
    Site() {
        must(registry().add_account(login("Alice"), AccountKind::user));
        must(registry().add_account(login("bob"), AccountKind::user));
        must(registry().add_account(login("Acme"), AccountKind::organization));
        must(registry().add_team(team("acme/Devs")));
        must(registry().create_repository(repo("alice/Site"), false));
        must(registry().create_repository(repo("acme/engine"), false));
        must(registry().add_key(login("alice"), make_key(1), {"laptop", std::nullopt}));
    }
    std::optional<KnownKey> key(unsigned n) { return must(directory().find_key(make_key(n), test_now)); }
    std::optional<Repository> found(std::string_view path) {
        return must(directory().find_repository(repo(path)));
    }
    AccountId id(std::string_view name) { return must(registry().show_account(login(name))).id; }
    Permission permission(std::string_view who, std::string_view path) {
        return must(directory().find_permission(id(who), *found(path)));
    }
};

std::string told(const std::optional<KnownKey>& key) {
    if (!key) return "nobody";
    const std::string start = std::to_string(number_of(key->id)) + " " + key->fingerprint.text() + " ";
    if (const auto* user = std::get_if<User>(&key->holder)) return start + user->login.text();
    const auto& deploy = std::get<DeployKey>(key->holder);
    return start + deploy.repo.text() + (deploy.can_write ? " rw" : " r");
}

}  // namespace

TEST_CASE("a key leads to its user, spelled as he was registered") {
    Site site;
    const auto key = site.key(1);
    REQUIRE(key.has_value());
    CHECK(key->fingerprint == make_key(1).fingerprint());
    const auto& user = std::get<User>(key->holder);
    CHECK(user.login.text() == "Alice");
    CHECK(user.id == site.id("ALICE"));
    CHECK_FALSE(user.suspended);
    CHECK_FALSE(site.key(2).has_value());
}

TEST_CASE("a deploy key leads to its repository and says whether it may write") {
    Site site;
    must(site.registry().add_deploy_key(repo("alice/site"), make_key(2), false, {"ci", std::nullopt}));
    must(site.registry().add_deploy_key(repo("alice/site"), make_key(3), true, {"ci", std::nullopt}));
    const auto reading = site.key(2);
    REQUIRE(reading.has_value());
    CHECK(std::get<DeployKey>(reading->holder).repo.text() == "Alice/Site");
    CHECK(std::get<DeployKey>(reading->holder).repo_id == site.found("alice/site")->id);
    CHECK_FALSE(std::get<DeployKey>(reading->holder).can_write);
    CHECK(std::get<DeployKey>(site.key(3)->holder).can_write);
}

TEST_CASE("revoked and expired keys are missing, a suspended user is found and said to be so") {
    Site site;
    must(site.registry().add_key(login("alice"), make_key(2), {"", test_now + 1000}));
    CHECK(must(site.directory().find_key(make_key(2), test_now + 999)).has_value());
    CHECK_FALSE(must(site.directory().find_key(make_key(2), test_now + 1000)).has_value());
    must(site.registry().suspend_account(login("alice")));
    CHECK(std::get<User>(site.key(1)->holder).suspended);
    must(site.registry().unsuspend_account(login("alice")));
    CHECK_FALSE(std::get<User>(site.key(1)->holder).suspended);
    must(site.registry().revoke_key(make_key(1).fingerprint()));
    CHECK_FALSE(site.key(1).has_value());
}

TEST_CASE("several keys in one statement are answered each for itself, as if asked alone") {
    Site site;
    must(site.registry().add_deploy_key(repo("alice/site"), make_key(2), true, {"ci", std::nullopt}));
    must(site.registry().add_key(login("bob"), make_key(3), {"", test_now + 1000}));
    must(site.registry().add_key(login("bob"), make_key(4), {"", std::nullopt}));
    must(site.registry().revoke_key(make_key(4).fingerprint()));
    must(site.registry().add_key(login("bob"), make_key(5), {"", std::nullopt}));
    std::vector<PublicKey> keys;
    for (const unsigned n : {5, 1, 9, 2, 3, 4, 1}) keys.push_back(make_key(n));
    for (std::size_t count = 1; count <= keys.size(); ++count) {
        CAPTURE(count);
        std::vector<const PublicKey*> asked;
        for (std::size_t i = 0; i < count; ++i) asked.push_back(&keys[i]);
        const UnixMillis now = test_now + 1000;  // the third key has expired
        const auto found = site.directory().find_keys(asked, now);
        REQUIRE(found.size() == count);
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(told(must(found[i])) == told(must(site.directory().find_key(keys[i], now))));
        }
    }
    CHECK(site.counters.of(Query::key, Answer::unavailable) == 0);
}

TEST_CASE("of several keys the one whose row makes no sense is unavailable, alone") {
    Site site;
    must(site.registry().add_key(login("bob"), make_key(2), {"", std::nullopt}));
    site.by_hand(
        "UPDATE public_keys SET can_write = 1 WHERE account_id ="
        " (SELECT id FROM accounts WHERE login_folded = 'alice')");
    const PublicKey alices = make_key(1), bobs = make_key(2), nobodys = make_key(3);
    const auto found = site.directory().find_keys(std::array{&alices, &bobs, &nobodys}, test_now);
    REQUIRE(found.size() == 3);
    REQUIRE_FALSE(found[0].has_value());
    CHECK(found[0].error().kind == ErrorKind::unavailable);
    CHECK(std::get<User>(must(found[1])->holder).login.text() == "bob");
    CHECK_FALSE(must(found[2]).has_value());
    CHECK(site.counters.of(Query::key, Answer::unavailable) == 1);
    CHECK(site.counters.of(Query::key, Answer::found) == 1);
    CHECK(site.counters.of(Query::key, Answer::missing) == 1);
}

TEST_CASE("without their table several keys are all unavailable") {
    Site site;
    site.by_hand("ALTER TABLE public_keys RENAME TO away");
    const PublicKey one = make_key(1), other = make_key(2);
    const auto answers = site.directory().find_keys(std::array{&one, &other}, test_now);
    REQUIRE(answers.size() == 2);
    for (const auto& found : answers) {
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error().kind == ErrorKind::unavailable);
    }
}

TEST_CASE("a key that was found before is looked up again, with what became of its owner") {
    Site site;
    const KnownKey before = *site.key(1);
    must(site.registry().suspend_account(login("alice")));
    const auto again = must(site.directory().find_key_again(before, test_now));
    REQUIRE(again.has_value());
    CHECK(std::get<User>(again->holder).suspended);
    KnownKey other = before;
    std::get<User>(other.holder).id = site.id("bob");
    CHECK_FALSE(must(site.directory().find_key_again(other, test_now)).has_value());
    other = before;
    other.id = KeyId{number_of(before.id) + 1};
    CHECK_FALSE(must(site.directory().find_key_again(other, test_now)).has_value());
    must(site.registry().revoke_key(before.fingerprint));
    CHECK_FALSE(must(site.directory().find_key_again(before, test_now)).has_value());
}

TEST_CASE("a key's row that makes no sense is unavailable, never missing and never somebody's") {
    for (const char* damage :
         {"UPDATE accounts SET login = '../alice' WHERE login_folded = 'alice'",
          "UPDATE accounts SET login = '' WHERE login_folded = 'alice'",
          "UPDATE public_keys SET can_write = 1", "UPDATE public_keys SET key_blob = X'6162'"}) {
        CAPTURE(damage);
        Site damaged;
        damaged.by_hand(damage);
        const auto key = damaged.directory().find_key(make_key(1), test_now);
        REQUIRE_FALSE(key.has_value());
        CHECK(key.error().kind == ErrorKind::unavailable);
        CHECK(damaged.counters.of(Query::key, Answer::unavailable) == 1);
        CHECK_FALSE(damaged.database().broken());
    }
}

TEST_CASE("a repository is found whatever the case, and told as it is spelled") {
    Site site;
    const auto found = site.found("aLICE/sITE");
    REQUIRE(found.has_value());
    CHECK(found->path.text() == "Alice/Site");
    CHECK(found->owner == site.id("alice"));
    CHECK_FALSE(found->is_public);
    CHECK_FALSE(found->archived);
    CHECK_FALSE(found->disabled);
    CHECK_FALSE(found->moved);
    CHECK_FALSE(site.found("alice/engine").has_value());
    CHECK_FALSE(site.found("nobody/site").has_value());
}

TEST_CASE("a repository is found with its kind, also by an old name") {
    Site site;
    must(site.registry().create_repository(repo("alice/old"), false, RepositoryKind::hg));
    CHECK(site.found("alice/site")->kind == RepositoryKind::git);
    CHECK(site.found("alice/old")->kind == RepositoryKind::hg);
    must(site.registry().rename_repository(repo("alice/old"), repo("alice/new")));
    CHECK(site.found("alice/old")->kind == RepositoryKind::hg);
}

TEST_CASE("a repository's marks are seen") {
    Site site;
    must(site.registry().archive_repository(repo("alice/site")));
    must(site.registry().disable_repository(repo("alice/site")));
    must(site.registry().set_repository_public(repo("alice/site"), true));
    auto found = site.found("alice/site");
    CHECK(found->archived);
    CHECK(found->disabled);
    CHECK(found->is_public);
    must(site.registry().unarchive_repository(repo("alice/site")));
    must(site.registry().enable_repository(repo("alice/site")));
    must(site.registry().set_repository_public(repo("alice/site"), false));
    found = site.found("alice/site");
    CHECK_FALSE(found->archived);
    CHECK_FALSE(found->disabled);
    CHECK_FALSE(found->is_public);
}

TEST_CASE("an old name leads on, until a repository stands there again") {
    Site site;
    must(site.registry().rename_repository(repo("alice/site"), repo("alice/web")));
    must(site.registry().rename_repository(repo("alice/web"), repo("bob/www")));
    for (const char* old : {"alice/site", "alice/WEB"}) {
        const auto found = site.found(old);
        REQUIRE(found.has_value());
        CHECK(found->path.text() == "bob/www");
        CHECK(found->moved);
    }
    CHECK_FALSE(site.found("bob/www")->moved);
    must(site.registry().create_repository(repo("alice/site"), true));
    CHECK(site.found("alice/site")->path.text() == "Alice/site");
    CHECK_FALSE(site.found("alice/site")->moved);
    must(site.registry().delete_repository(repo("bob/www")));
    CHECK_FALSE(site.found("alice/web").has_value());
}

TEST_CASE("a permission names its three ways apart") {
    Site site;
    CHECK(site.permission("bob", "acme/engine").strongest() == Access::none);
    must(site.registry().grant_access(repo("acme/engine"), login("bob"), Access::read));
    must(site.registry().grant_access(repo("acme/engine"), team("acme/devs"), Access::write));
    CHECK(site.permission("bob", "acme/engine").direct == Access::read);
    CHECK(site.permission("bob", "acme/engine").team == Access::none);
    must(site.registry().add_team_member(team("acme/devs"), login("bob")));
    CHECK(site.permission("bob", "acme/engine").team == Access::write);
    CHECK(site.permission("bob", "acme/engine").organization == Access::none);
    must(site.registry().set_org_member(login("acme"), login("bob"), OrgRole::owner));
    CHECK(site.permission("bob", "acme/engine").organization == Access::admin);
    CHECK(site.permission("bob", "alice/site").strongest() == Access::none);
    CHECK(site.permission("alice", "acme/engine").strongest() == Access::none);
}

TEST_CASE("of several teams the strongest counts, and only those of which one is a member") {
    Site site;
    for (const auto& [name, access] :
         {std::pair("acme/a", Access::read), std::pair("acme/b", Access::admin)}) {
        must(site.registry().add_team(team(name)));
        must(site.registry().grant_access(repo("acme/engine"), team(name), access));
    }
    must(site.registry().add_team_member(team("acme/a"), login("bob")));
    CHECK(site.permission("bob", "acme/engine").team == Access::read);
    must(site.registry().add_team_member(team("acme/b"), login("bob")));
    CHECK(site.permission("bob", "acme/engine").team == Access::admin);
    must(site.registry().remove_team(team("acme/b")));
    CHECK(site.permission("bob", "acme/engine").team == Access::read);
}

TEST_CASE("routes: the embedded server as long as there is no other, then those that were set") {
    Site site;
    auto route = must(site.directory().find_route(login("alice")));
    REQUIRE(route.has_value());
    CHECK(route->server.text() == "local");
    CHECK(route->endpoints.at(0).text() == "unix:/local.sock");

    must(site.registry().add_server(*ServerName::parse("fs1"),
                                    {*Endpoint::parse("fs1:9419"), *Endpoint::parse("fs1b:9419")}));
    CHECK_FALSE(must(site.directory().find_route(login("alice"))).has_value());
    must(site.registry().set_route(login("alice"), *ServerName::parse("fs1")));
    route = must(site.directory().find_route(login("ALICE")));
    REQUIRE(route.has_value());
    CHECK(route->server.text() == "fs1");
    REQUIRE(route->endpoints.size() == 2);
    CHECK(route->endpoints[0].text() == "fs1:9419");
    CHECK(route->endpoints[1].text() == "fs1b:9419");
    CHECK_FALSE(must(site.directory().find_route(login("bob"))).has_value());
    CHECK_FALSE(must(site.directory().find_route(login("nobody"))).has_value());
}

TEST_CASE("where there is no embedded server, no server is nobody's route") {
    Site site;
    QueryCounters counters;
    Directory fleet(site.database(), counters, std::nullopt);
    CHECK_FALSE(must(fleet.find_route(login("alice"))).has_value());
}

TEST_CASE("a route's row that makes no sense is unavailable, never the embedded server") {
    for (const char* damage : {"UPDATE servers SET name = 'a b'", "UPDATE endpoints SET address = 'nonsense'",
                               "DELETE FROM endpoints"}) {
        CAPTURE(damage);
        Site site;
        must(site.registry().add_server(*ServerName::parse("fs1"), {*Endpoint::parse("fs1:9419")}));
        must(site.registry().set_route(login("alice"), *ServerName::parse("fs1")));
        site.by_hand(damage);
        const auto route = site.directory().find_route(login("alice"));
        REQUIRE_FALSE(route.has_value());
        CHECK(route.error().kind == ErrorKind::unavailable);
    }
}

TEST_CASE("every question is counted, with its answer") {
    Site site;
    (void)site.key(1);
    (void)site.key(2);
    (void)site.found("alice/nothing");
    (void)site.permission("bob", "alice/site");
    CHECK(site.counters.of(Query::key, Answer::found) == 1);
    CHECK(site.counters.of(Query::key, Answer::missing) == 1);
    CHECK(site.counters.of(Query::repository, Answer::found) == 1);
    CHECK(site.counters.of(Query::repository, Answer::missing) == 1);
    CHECK(site.counters.of(Query::redirect, Answer::missing) == 1);
    CHECK(site.counters.of(Query::permission, Answer::missing) == 1);
    CHECK(site.counters.of(Query::route) == 0);
}

TEST_CASE("without its tables every question is unavailable") {
    Site site;
    const Repository engine = *site.found("acme/engine");
    for (const char* table : {"public_keys", "repositories", "team_repos", "routes"}) {
        site.by_hand("ALTER TABLE " + std::string(table) + " RENAME TO away_" + table);
    }
    CHECK(site.directory().find_key(make_key(1), test_now).error().kind == ErrorKind::unavailable);
    CHECK(site.directory().find_repository(repo("acme/engine")).error().kind == ErrorKind::unavailable);
    CHECK(site.directory().find_permission(AccountId{1}, engine).error().kind == ErrorKind::unavailable);
    CHECK(site.directory().find_route(login("alice")).error().kind == ErrorKind::unavailable);
    CHECK_FALSE(site.database().broken());
    CHECK(site.counters.of(Query::redirect) == 0);
}

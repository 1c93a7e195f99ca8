// The shipped profile for Forgejo and Gitea, over tables with their column names and a row for each case.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "authz/store/open_database.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::string content_of(const char* file) {
    std::ifstream stream(file);
    std::stringstream content;
    content << stream.rdbuf();
    REQUIRE_FALSE(content.str().empty());
    return content.str();
}

struct Forge : TemporarySchema {
    Forge() {
        sql(content_of(FORGE_TABLES_SQL));
        sql(content_of(FORGEJO_SQL));
        auto parsed = parse_config(content_of(FORGEJO_TOML), "forgejo.toml");
        REQUIRE(parsed.has_value());
        config = std::move(*parsed);
        config.mysql.uri = "unix://" + access().uri.hosts[0].socket + "?schema=" + name();
        config.mysql.user = "root";
        open();
    }
    void open() {
        database = must(must(choose_database(config, DatabaseUse::serve))());
        directory.emplace(*database, counters,
                          Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}});
    }
    void sql(const std::string& text) const { must(connect()->run_script(text)); }
    void add_key(unsigned n, int owner, int type, const std::string& rest = "") {
        const PublicKey key = make_key(n);
        sql("INSERT INTO public_key (id, owner_id, name, fingerprint, content, mode, type) VALUES (" +
            std::to_string(n) + ", " + std::to_string(owner) + ", 'k', '" + key.fingerprint().text() +
            "', '" + key.text() + rest + "', 2, " + std::to_string(type) + ")");
    }
    void add_deploy_key(unsigned n, int repo, int mode) const {
        sql("INSERT INTO deploy_key (key_id, repo_id, mode) VALUES (" + std::to_string(n) + ", " +
            std::to_string(repo) + ", " + std::to_string(mode) + ")");
    }
    std::optional<KnownKey> key(unsigned n) { return must(directory->find_key(make_key(n), unix_now())); }
    std::optional<Repository> found(std::string_view path) {
        return must(directory->find_repository(repo(path)));
    }
    Access access_of(std::int64_t who, std::string_view path) {
        return must(directory->find_permission(AccountId{who}, *found(path))).strongest();
    }

    Config config;
    QueryCounters counters;
    std::unique_ptr<Database> database;
    std::optional<Directory> directory;
};

}  // namespace

TEST_CASE("forge: a user's key, suspended when he may not log in") {
    Forge forge;
    forge.add_key(1, 1, 1, " alice@laptop");
    forge.add_key(5, 5, 1);
    forge.add_key(6, 6, 1);
    forge.add_key(7, 1, 3);
    const auto key = forge.key(1);
    REQUIRE(key.has_value());
    CHECK(std::get<User>(key->holder).login.text() == "alice");
    CHECK(std::get<User>(key->holder).id == AccountId{1});
    CHECK_FALSE(std::get<User>(key->holder).suspended);
    CHECK(std::get<User>(forge.key(5)->holder).suspended);
    CHECK(std::get<User>(forge.key(6)->holder).suspended);
    CHECK_FALSE(forge.key(7).has_value());  // a certificate's principal is no key
    CHECK_FALSE(forge.key(8).has_value());
}

TEST_CASE("forge: a deploy key has the right of deploy_key.mode, not of public_key.mode") {
    Forge forge;
    forge.add_key(1, 0, 2);
    forge.add_key(2, 0, 2);
    forge.add_deploy_key(1, 1, 1);
    forge.add_deploy_key(2, 1, 2);
    CHECK_FALSE(std::get<DeployKey>(forge.key(1)->holder).can_write);
    CHECK(std::get<DeployKey>(forge.key(2)->holder).can_write);
    CHECK(std::get<DeployKey>(forge.key(2)->holder).repo.text() == "alice/secret");
}

TEST_CASE("forge: what stands for two is refused, not guessed") {
    Forge forge;
    forge.add_key(1, 0, 2);
    forge.add_deploy_key(1, 1, 1);
    forge.add_deploy_key(1, 2, 1);
    CHECK(forge.directory->find_key(make_key(1), 0).error().kind == ErrorKind::unavailable);
    // The column is indexed, but not unique.
    forge.add_key(3, 1, 1);
    forge.sql(
        "INSERT INTO public_key (owner_id, name, fingerprint, content, mode, type)"
        " SELECT 2, name, fingerprint, content, mode, type FROM public_key WHERE id = 3");
    CHECK(forge.directory->find_key(make_key(3), 0).error().kind == ErrorKind::unavailable);
    // A fingerprint beside another key's content.
    forge.add_key(40, 1, 1);
    forge.sql("UPDATE public_key SET content = '" + make_key(9).text() + "' WHERE id = 40");
    CHECK(forge.directory->find_key(make_key(40), 0).error().kind == ErrorKind::unavailable);
}

TEST_CASE("forge: repositories and their marks") {
    Forge forge;
    CHECK(forge.found("ALICE/Secret")->path.text() == "alice/secret");
    CHECK(forge.found("alice/secret")->owner == AccountId{1});
    CHECK(forge.found("alice/old")->archived);
    CHECK(forge.found("alice/copy")->archived);
    CHECK(forge.found("alice/broken")->disabled);
    CHECK_FALSE(forge.found("alice/going")->disabled);  // waits for its new owner's yes
    CHECK_FALSE(forge.found("alice/open")->archived);
    CHECK_FALSE(forge.found("alice/nothing").has_value());
}

TEST_CASE("forge: who may do what") {
    Forge forge;
    CHECK(forge.access_of(2, "alice/secret") == Access::read);  // a row of access
    CHECK(forge.access_of(5, "alice/secret") == Access::none);
    CHECK(forge.access_of(2, "alice/open") == Access::read);     // public, without a row
    CHECK(forge.access_of(4, "alice/open") == Access::none);     // restricted
    CHECK(forge.access_of(3, "alice/secret") == Access::admin);  // administrator
    CHECK(forge.access_of(2, "hidden/lair") == Access::none);    // public, of a private organisation
    forge.sql("INSERT INTO org_user (uid, org_id) VALUES (2, 11)");
    CHECK(forge.access_of(2, "hidden/lair") == Access::read);
    CHECK(forge.access_of(5, "hidden/treasure") == Access::write);  // a collaborator sees a hidden owner's
    CHECK(forge.access_of(2, "hidden/treasure") == Access::none);
}

TEST_CASE("forge: an organisation's teams count for the code alone") {
    Forge forge;
    const auto join = [&](int user, int team, int mode) {
        const std::string who = std::to_string(user);
        forge.sql("INSERT INTO team_user (org_id, team_id, uid) VALUES (10, " + std::to_string(team) + ", " +
                  who + ");\nREPLACE INTO access (user_id, repo_id, mode) VALUES (" + who + ", 5, " +
                  std::to_string(mode) + ")");
    };
    CHECK(forge.access_of(2, "acme/engine") == Access::none);  // a row of access without a team
    CHECK(forge.access_of(4, "acme/engine") == Access::none);
    join(2, 3, 2);  // scribes write issues; `access` says 2
    CHECK(forge.access_of(2, "acme/engine") == Access::none);
    join(2, 2, 2);  // devs write code
    CHECK(forge.access_of(2, "acme/engine") == Access::write);
    join(1, 1, 4);  // owners
    CHECK(forge.access_of(1, "acme/engine") == Access::admin);
}

TEST_CASE("forge: the agent of this machine serves, and commands keep their hands off") {
    Forge forge;
    CHECK(must(forge.directory->find_route(login("alice")))->server.text() == "local");
    CHECK(refusal(open_for_administration(forge.config)).find("another program's tables") !=
          std::string::npos);
}

// What stands in the document between two lines that begin so.
std::string example_of(const std::string& begins, const std::string& ends) {
    const std::string text = content_of(FORGEJO_MD);
    const auto from = text.find(begins);
    REQUIRE(from != std::string::npos);
    return text.substr(from, text.find(ends, from) - from);
}

TEST_CASE("own statements: the document's table of file servers") {
    Forge forge;
    forge.sql(example_of("CREATE TABLE owner_servers", "GRANT "));
    const std::string begins = "route = '''\n";
    forge.config.mysql.queries["route"] = example_of(begins, "\n'''\n").substr(begins.size());
    forge.open();
    const auto route_of = [&](std::string_view owner) {
        const Route route = *must(forge.directory->find_route(login(owner)));
        std::string text = route.server.text();
        for (const Endpoint& endpoint : route.endpoints) text += " " + endpoint.text();
        return text;
    };
    CHECK(route_of("acme") == "fs2 fs2:9419");
    CHECK(route_of("alice") == "fs1 fs1a:9419 fs1b:9419");
}

TEST_CASE("own statements: missing columns and unknown parameters are named") {
    Forge forge;
    const auto refused = [&](const std::string& query, const std::string& sql) {
        Config config = forge.config;
        config.mysql.queries[query] = sql;
        const auto connect = choose_database(config, DatabaseUse::serve);
        return connect ? refusal((*connect)()) : refusal(connect);
    };
    const std::string missing = refused("key", "SELECT id AS key_id, content AS `key` FROM public_key");
    CHECK(missing.find("queries.key") != std::string::npos);
    CHECK(missing.find("lacks account_id, account, suspended") != std::string::npos);
    CHECK(refused("route", "SELECT :owner, :repo").find(":repo") != std::string::npos);
    CHECK(refused("route", "SELECT 1; DROP TABLE access").find("';'") != std::string::npos);
    CHECK(refused("route", "SELECT ?").find("'?'") != std::string::npos);
    CHECK(refused("route", "DELETE FROM access").find("SELECT") != std::string::npos);
}

TEST_CASE("own statements: one that cannot be prepared has no answer, and the others have theirs") {
    Forge forge;
    forge.add_key(1, 1, 1);
    forge.sql("ALTER TABLE collaboration RENAME TO away");
    forge.open();
    CHECK(forge.key(1).has_value());
    const Repository secret = *forge.found("alice/secret");
    const auto permission = forge.directory->find_permission(AccountId{2}, secret);
    REQUIRE_FALSE(permission.has_value());
    CHECK(permission.error().kind == ErrorKind::unavailable);
    CHECK(permission.error().detail.find("collaboration") != std::string::npos);
    CHECK_FALSE(forge.database->broken());
    forge.sql("ALTER TABLE away RENAME TO collaboration");
    CHECK(must(forge.directory->find_permission(AccountId{2}, secret)).strongest() == Access::read);
}

TEST_CASE("own statements: a parameter is a bind, and text in quotes is left alone") {
    Forge forge;
    forge.config.mysql.queries["route"] =
        "SELECT 'fs1' AS server, ':owner? ;' AS note, /* :owner */ 'fs1:9419' AS endpoint -- ?\n"
        "FROM `user` WHERE lower_name = :owner AND lower_name = :owner";
    forge.open();
    CHECK(must(forge.directory->find_route(login("alice")))->server.text() == "fs1");
    CHECK_FALSE(must(forge.directory->find_route(login("nobody"))).has_value());
}

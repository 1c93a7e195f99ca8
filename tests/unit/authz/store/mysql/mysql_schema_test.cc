// The schema on a database server: migrations, the accounts of least privilege, and the way from a
// configuration to connections.
#include <atomic>
#include <thread>

#include "authz/store/open_database.h"
#include "authz/store/schema.h"
#include "tests/unit/authz/store/mysql/mysql_site.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("an empty schema is brought up once, and again without harm") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    CHECK(must(read_schema_version(*database)) == 0);
    CHECK(refusal(check_schema(*database)).find("gerve schema migrate") != std::string::npos);
    CHECK(must(migrate_schema(*database)) == 0);
    must(check_schema(*database));
    must(Registry(*database).add_account(login("alice"), AccountKind::user));
    CHECK(must(migrate_schema(*database)) == current_schema_version());
    CHECK(must(Registry(*database).list_accounts()).size() == 1);
}

TEST_CASE("a newer schema is refused and left alone") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(migrate_schema(*database));
    must(database->run_script("INSERT INTO schema_version VALUES (99, 0);"));
    CHECK(refusal(migrate_schema(*database)).find("newer gerve") != std::string::npos);
    CHECK(refusal(check_schema(*database)).find("99") != std::string::npos);
    CHECK(must(read_schema_version(*database)) == 99);
}

TEST_CASE("the printed script makes the same schema, and a migration that was cut short goes on") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script(schema_text(Dialect::mysql)));
    must(check_schema(*database));
    must(database->run_script("DROP TABLE audit_events, routes;\nDELETE FROM schema_version;"));
    CHECK(must(migrate_schema(*database)) == 0);
    must(check_schema(*database));
    CHECK(must(database->query({"t", "SELECT COUNT(*) FROM audit_events"}, {})).size() == 1);
}

TEST_CASE("four at once migrate one schema") {
    const TemporarySchema schema;
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    std::atomic<int> made{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            auto database = open_mysql(schema.access());
            if (!database) return;
            const auto before = migrate_schema(**database);
            if (before) ++good;
            if (before && *before == 0) ++made;
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(good == 4);
    CHECK(made == 1);
    must(check_schema(*schema.connect()));
}

TEST_CASE("each account can do its work, and no more") {
    Configured site;
    must(migrate_schema(*site.connect()));
    run_accounts_script(site);
    const auto admin = must(open_for_administration(site.config));
    Registry registry(*admin);
    must(registry.add_account(login("alice"), AccountKind::user));
    must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));

    const auto connect = must(choose_database(site.config, DatabaseUse::serve));
    const auto serving = [&] { return must(connect()); };
    QueryCounters counters;
    const auto database = serving();
    Directory directory(*database, counters,
                        Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}});
    CHECK(must(directory.find_key(make_key(1), unix_now())).has_value());
    CHECK_FALSE(must(directory.find_repository(repo("alice/x"))).has_value());
    CHECK(must(directory.find_route(login("alice"))).has_value());
    must(check_schema(*database));
    must(database->execute({"audit",
                            "INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, body)"
                            " VALUES ('0123456789abcdef', 1, 1, 'g', 'x', 0, '{}')"},
                           {}));
    const Statement used{"used",
                         "INSERT INTO key_last_used (key_id, used_at, address) VALUES (1, ?, '::1')"
                         " ON DUPLICATE KEY UPDATE used_at = GREATEST(used_at, VALUES(used_at))"};
    must(database->execute(used, {std::int64_t{5}}));
    must(database->execute(used, {std::int64_t{6}}));
    for (const char* forbidden :
         {"UPDATE public_keys SET account_id = account_id", "INSERT INTO collaborators VALUES (1, 1, 3)",
          "DELETE FROM audit_events", "UPDATE audit_events SET body = ''", "DELETE FROM key_last_used",
          "UPDATE accounts SET suspended_at = NULL", "DROP TABLE routes", "CREATE TABLE mine (a INT)",
          "SELECT 1 FROM mysql.user"}) {
        CAPTURE(forbidden);
        const auto done = serving()->run_script(forbidden);
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().detail.find("denied") != std::string::npos);
    }
}

TEST_CASE("passwords come from files that others cannot read, and are read anew for each connection") {
    Configured site;
    must(migrate_schema(*site.connect()));
    run_accounts_script(site);
    const auto connect = must(choose_database(site.config, DatabaseUse::serve));
    CHECK(connect().has_value());
    site.secret("serve", "changed");
    CHECK(refusal(connect()).find("password file") != std::string::npos);
    site.secret("serve", "serve-secret");
    CHECK(connect().has_value());
    REQUIRE(::chmod(site.config.mysql.password_file.c_str(), 0644) == 0);
    CHECK(refusal(connect()).find(site.config.mysql.password_file) != std::string::npos);
    CHECK_FALSE(choose_database(site.config, DatabaseUse::serve).has_value());
    site.config.mysql.admin_user.clear();  // then the commands use the serving account
    CHECK_FALSE(choose_database(site.config, DatabaseUse::administer).has_value());
}

TEST_CASE("a command refuses a schema that is not there, and does not make it unasked") {
    Configured site;
    must(migrate_schema(*site.connect()));
    run_accounts_script(site);
    must(site.connect()->run_script("DELETE FROM schema_version"));
    CHECK(refusal(open_for_administration(site.config)).find("gerve schema migrate") != std::string::npos);
    site.config.mysql.uri = "tcp://nowhere";
    CHECK(refusal(open_for_administration(site.config)).find("uri") != std::string::npos);
}

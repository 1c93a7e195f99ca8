// What `gerve check` says of a database server: each trouble is made on a real one.
#include "authz/store/mysql/mysql_check.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "authz/base/clock.h"
#include "authz/store/schema.h"
#include "tests/unit/authz/store/mysql/mysql_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// The findings that are not good, as "wrong: text → remedy" lines.
std::string complaints(const Config& config) {
    std::string lines;
    for (const Finding& finding : check_mysql(config)) {
        if (finding.grade == Finding::Grade::good) continue;
        CHECK_FALSE(finding.remedy.empty());
        lines += (finding.grade == Finding::Grade::wrong ? "wrong: " : "warning: ") + finding.text + " → " +
                 finding.remedy + "\n";
    }
    CHECK(lines.find("-secret") == std::string::npos);
    return lines;
}

bool holds(const std::string& text, const std::string& word) {
    const bool found = text.find(word) != std::string::npos;
    if (!found) MESSAGE(word << " is nowhere in: " << text);
    return found;
}

std::string port() {
    return std::getenv("GERVE_TEST_MYSQL_PORT");
}

// Sound until a test spoils it.
struct CheckedSite : Configured {
    CheckedSite() {
        must(migrate_schema(*connect()));
        run_accounts_script(*this);
    }
    void sql(const std::string& text) const { must(connect()->run_script(text)); }
    void use_host(const std::string& host) { config.mysql.uri = "tcp://" + host + "/" + name(); }
};

}  // namespace

TEST_CASE("check: a sound server has nothing to complain about") {
    CheckedSite site;
    CHECK(complaints(site.config) == "");
    std::string told;
    for (const Finding& finding : check_mysql(site.config)) told += finding.text + "\n";
    CHECK(holds(told, "schema version"));
    CHECK(holds(told, "gerve_admin"));
    site.use_host("127.0.0.1:" + port());
    CHECK(complaints(site.config) == "");
}

TEST_CASE("check: a host that is not reached") {
    CheckedSite site;
    SUBCASE("nobody listens") {
        site.use_host("127.0.0.1:1");
        CHECK(holds(complaints(site.config), "check that the server is running"));
    }
    SUBCASE("a socket that is not there") {
        site.config.mysql.uri = "unix:///nonexistent/sock?schema=" + site.name();
        CHECK(holds(complaints(site.config), "/nonexistent/sock"));
    }
    SUBCASE("a name that nobody has") {
        site.use_host("no-such-host.invalid");
        CHECK(holds(complaints(site.config), "correct the host"));
    }
    SUBCASE("one of two") {
        site.use_host("127.0.0.1:" + port() + ",127.0.0.1:1");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "127.0.0.1:1: connect"));
        CHECK(told.find('\n') == told.size() - 1);
    }
    SUBCASE("a server that is stopped") {
        const pid_t server = std::atoi(std::getenv("GERVE_TEST_MYSQL_PID"));
        ::kill(server, SIGSTOP);
        const std::int64_t start = monotonic_now();
        const std::string told = complaints(site.config);
        ::kill(server, SIGCONT);
        CHECK(holds(told, "stopped"));
        CHECK(monotonic_now() - start < 10'000);
    }
}

TEST_CASE("check: credentials") {
    CheckedSite site;
    SUBCASE("the wrong password") {
        site.secret("serve", "not-it");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "wrong: "));
        CHECK(holds(told, "password file"));
    }
    SUBCASE("an account that is not there") {
        site.config.mysql.user = "nobody";
        CHECK(holds(complaints(site.config), "nobody"));
    }
    SUBCASE("a password that others can read") {
        REQUIRE(::chmod(site.config.mysql.password_file.c_str(), 0644) == 0);
        CHECK(holds(complaints(site.config), site.config.mysql.password_file));
    }
    SUBCASE("of the administrative account") {
        site.secret("admin", "not-it");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "gerve_admin"));
        CHECK(told.find("user gerve:") == std::string::npos);
    }
    SUBCASE("an account at the limit of its connections") {
        site.sql("ALTER USER 'gerve'@'%' WITH MAX_USER_CONNECTIONS 1");
        MysqlAccess access = site.access();
        access.user = "gerve";
        access.password = "serve-secret";
        const auto one = must(open_mysql(access));
        CHECK(holds(complaints(site.config), "max_connections"));
    }
}

TEST_CASE("check: the schema") {
    CheckedSite site;
    SUBCASE("is not there") {
        site.config.mysql.uri = "unix://" + site.access().uri.hosts[0].socket + "?schema=no_such_schema";
        const std::string told = complaints(site.config);
        CHECK(holds(told, "no_such_schema"));
        CHECK(holds(told, "directory.mysql.uri"));
    }
    SUBCASE("has no tables") {
        site.sql("DROP TABLE schema_version");
        CHECK(holds(complaints(site.config), "gerve schema migrate"));
    }
    SUBCASE("is older") {
        site.sql("DELETE FROM schema_version");
        CHECK(holds(complaints(site.config), "gerve schema migrate"));
    }
    SUBCASE("is newer") {
        site.sql("INSERT INTO schema_version VALUES (99, 0)");
        CHECK(holds(complaints(site.config), "use a newer gerve"));
    }
    SUBCASE("lacks a table") {
        site.sql("DROP TABLE team_repos");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "wrong: "));
        CHECK(holds(told, "team_repos"));
        CHECK(holds(told, "gerve schema print"));
    }
    SUBCASE("lacks a column") {
        site.sql("ALTER TABLE repositories DROP COLUMN archived_at");
        CHECK(holds(complaints(site.config), "archived_at"));
    }
}

TEST_CASE("check: grants") {
    CheckedSite site;
    const std::string all = "`" + site.name() + "`.*";
    SUBCASE("for a table that is read") {
        site.sql("REVOKE SELECT ON " + all + " FROM 'gerve'@'%';\nGRANT SELECT ON `" + site.name() +
                 "`.schema_version TO 'gerve'@'%'");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "wrong: SELECT command denied"));
        CHECK(holds(told, "GRANT SELECT ON " + all + " TO 'gerve'"));
    }
    SUBCASE("for what is written") {
        site.sql("REVOKE INSERT ON `" + site.name() + "`.audit_events FROM 'gerve'@'%'");
        CHECK(
            holds(complaints(site.config), "GRANT INSERT ON `" + site.name() + "`.audit_events TO 'gerve'"));
    }
    SUBCASE("an account that may do more than it needs") {
        site.sql("GRANT ALL ON " + all + " TO 'gerve'@'%'");
        CHECK(holds(complaints(site.config), "warning: the serving account gerve may change"));
    }
    SUBCASE("an administrative account that may not change anything") {
        site.sql("REVOKE DELETE ON " + all + " FROM 'gerve_admin'@'%'");
        CHECK(holds(complaints(site.config), "warning: commands cannot change the directory: DELETE"));
    }
    SUBCASE("no administrative account") {
        site.config.mysql.admin_user.clear();
        CHECK(holds(complaints(site.config), "directory.mysql.admin_user"));
    }
}

TEST_CASE("check: TLS") {
    CheckedSite site;
    site.use_host("localhost:" + port());
    site.config.mysql.ca_file = std::getenv("GERVE_TEST_MYSQL_CA");
    CHECK(complaints(site.config) == "");
    SUBCASE("a certificate for another host") {
        site.use_host("127.1:" + port());  // with 127.0.0.1 not every library compares the name
        CHECK(holds(complaints(site.config), "TLS failed"));
    }
    SUBCASE("an account that demands it, and no ca_file") {
        site.sql("ALTER USER 'gerve'@'%' REQUIRE SSL");
        CHECK(complaints(site.config) == "");
        site.config.mysql.ca_file.clear();
        CHECK(holds(complaints(site.config), "ca_file"));
    }
    SUBCASE("a server that demands it, and no ca_file") {
        site.sql("SET GLOBAL require_secure_transport = ON");
        site.config.mysql.ca_file.clear();
        const std::string told = complaints(site.config);
        site.sql("SET GLOBAL require_secure_transport = OFF");
        CHECK(holds(told, "ca_file"));
    }
}

TEST_CASE("check: the clock of the server") {
    CheckedSite site;
    site.sql("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() - 90'");
    const std::string told = complaints(site.config);
    site.sql("SET GLOBAL init_connect = ''");
    CHECK(holds(told, "behind this machine's"));
    CHECK(holds(told, "NTP"));
}

TEST_CASE("check: a server that is read-only") {
    CheckedSite site;
    site.sql("SET GLOBAL read_only = ON");
    const std::string told = complaints(site.config);
    site.sql("SET GLOBAL read_only = OFF");
    CHECK(holds(told, "read-only"));
}

TEST_CASE("check: configured statements are prepared, and the tables of Gerve not missed") {
    CheckedSite site;
    site.sql("DROP TABLE schema_version");
    site.config.mysql.queries = {
        {"key",
         "SELECT 1 AS key_id, '' AS `key`, 1 AS account_id, '' AS account, 0 AS suspended, NULL AS "
         "repository_id, NULL AS repository_owner, NULL AS repository, 0 AS can_write FROM accounts WHERE "
         ":fingerprint = id"},
        {"repository",
         "SELECT id AS repository_id, owner_id, :owner AS owner, name, is_public, 0 AS archived, 0 AS "
         "disabled"
         " FROM repositories WHERE name = :name"},
        {"permission", "SELECT 1 AS direct, 0 AS team, 0 AS organization_owner"},
        {"route", "SELECT NULL AS server, NULL AS endpoint"}};
    CHECK(complaints(site.config) == "");
    SUBCASE("a column that is missing") {
        site.config.mysql.queries["permission"] = "SELECT 1 AS direct";
        CHECK(holds(complaints(site.config),
                    "directory.mysql.queries.permission: its result lacks team, organization_owner"));
    }
    SUBCASE("a table that is missing") {
        site.config.mysql.queries["route"] = "SELECT server, endpoint FROM no_such_table";
        CHECK(holds(complaints(site.config), "no_such_table"));
    }
    SUBCASE("a grant that is missing") {
        site.sql("REVOKE SELECT ON `" + site.name() + "`.* FROM 'gerve'@'%'");
        const std::string told = complaints(site.config);
        CHECK(holds(told, "denied"));
        CHECK(holds(told, "grant SELECT on its tables to gerve"));
    }
    SUBCASE("one that does not parse") {
        site.config.mysql.queries["route"] = "SELECT :nobody";
        CHECK(holds(complaints(site.config), ":nobody"));
    }
    SUBCASE("one that is not configured goes to tables of Gerve, which have to be there then") {
        site.config.mysql.queries.erase("route");
        CHECK(holds(complaints(site.config), "give all four"));
    }
}

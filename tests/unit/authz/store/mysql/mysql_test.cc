// What is the MySQL directory's own: sessions, lost connections, transactions, time limits.
#include "authz/store/mysql/mysql.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "authz/base/clock.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::int64_t number(Database& database, std::string_view sql) {
    const Rows rows = must(database.query({"number", sql}, {}));
    return std::get<std::int64_t>(rows.at(0).at(0));
}
std::string text(Database& database, std::string_view sql) {
    const Rows rows = must(database.query({"text", sql}, {}));
    return std::get<std::string>(rows.at(0).at(0));
}

void kill_connection(const TemporarySchema& schema, std::int64_t id) {
    must(schema.connect()->run_script("KILL CONNECTION " + std::to_string(id)));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

bool stopped(const std::filesystem::path& task) {
    std::string line;
    std::getline(std::ifstream(task / "stat"), line);
    return line.compare(line.rfind(')') + 1, 2, " T") == 0;
}

// SIGSTOP reaches one thread after another, and one that is not yet stopped may still answer.
bool stop_and_wait(pid_t server) {
    if (::kill(server, SIGSTOP) != 0) {
        return false;
    }
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(server) + "/task");
    const std::vector<std::filesystem::path> threads(begin(tasks), end(tasks));
    const std::int64_t end_of_patience = monotonic_now() + 2000;
    while (monotonic_now() < end_of_patience) {
        if (std::all_of(threads.begin(), threads.end(), stopped)) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(server, SIGCONT);
    return false;
}

}  // namespace

TEST_CASE("values of every type come back as they went") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(
        database->run_script("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a BIGINT, b VARCHAR(20),"
                             " c VARBINARY(20), d MEDIUMTEXT, e BOOLEAN)"));
    const std::string bytes("\0\xff'\"?\x80", 6);
    const std::string long_text(300'000, 'x');
    const Statement insert{"insert", "INSERT INTO t (a, b, c, d, e) VALUES (?, ?, ?, ?, ?)"};
    CHECK(must(database->execute(insert, {std::int64_t{-5}, std::string_view("x;--\xc3\xa9"), BlobView{bytes},
                                          std::string_view(long_text), std::int64_t{1}}))
              .inserted_id == 1);
    CHECK(must(database->execute(insert, {{}, std::string_view{}, BlobView{}, {}, {}})).inserted_id == 2);
    const Rows rows = must(database->query({"select", "SELECT a, b, c, d, e FROM t ORDER BY id"}, {}));
    REQUIRE(rows.size() == 2);
    CHECK((rows[0] == Row{std::int64_t{-5}, std::string("x;--\xc3\xa9"), bytes, long_text, std::int64_t{1}}));
    CHECK(
        (rows[1] == Row{std::monostate{}, std::string(), std::string(), std::monostate{}, std::monostate{}}));
    for (const char* sql : {"SELECT 1.5", "SELECT NOW()", "SELECT 1.5e0"}) {
        const auto odd = database->query({"odd", sql}, {});
        REQUIRE_FALSE(odd.has_value());
        CHECK(odd.error().kind == ErrorKind::unavailable);
    }
    CHECK_FALSE(database->broken());
}

TEST_CASE("the columns of a statement are told without running it") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a INT, b INT)"));
    const auto names = must(database->columns({"c", "SELECT b AS second, a FROM t WHERE a = ?"}));
    CHECK(names == std::vector<std::string>{"second", "a"});
    CHECK_FALSE(database->columns({"c", "SELECT nothing FROM t"}).has_value());
}

TEST_CASE("a session is set up as it has to be") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    CHECK(text(*database, "SELECT @@SESSION.sql_mode").find("STRICT_ALL_TABLES") != std::string::npos);
    CHECK(text(*database, "SELECT @@SESSION.time_zone") == "+00:00");
    CHECK(text(*database, "SELECT @@character_set_client") == "utf8mb4");
    CHECK(text(*database, "SELECT @@character_set_results") == "utf8mb4");
    const bool mariadb = text(*database, "SELECT VERSION()").find("MariaDB") != std::string::npos;
    CHECK(text(*database, mariadb ? "SELECT @@SESSION.tx_isolation"
                                  : "SELECT @@SESSION.transaction_isolation") == "READ-COMMITTED");
}

TEST_CASE("what does not fit is refused, not cut") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a VARCHAR(3) UNIQUE, b INT CHECK (b < 10))"));
    const Statement insert{"insert", "INSERT INTO t (a, b) VALUES (?, ?)"};
    must(database->execute(insert, {std::string_view("abc"), std::int64_t{1}}));
    for (const auto& [a, b] : {std::pair("abcd", 1), std::pair("abc", 1), std::pair("x", 10)}) {
        const auto refused = database->execute(insert, {std::string_view(a), std::int64_t{b}});
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().kind == ErrorKind::client);
        CHECK_FALSE(database->broken());
    }
    CHECK(number(*database, "SELECT COUNT(*) FROM t") == 1);
    // An UPDATE counts what it matched, though nothing changed.
    CHECK(must(database->execute({"u", "UPDATE t SET b = 1 WHERE a = 'abc'"}, {})).rows == 1);
}

TEST_CASE("a read over a killed connection is answered all the same, and by its own statement") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    const Statement first{"first", "SELECT 'first', ?"};
    const Statement second{"second", "SELECT 'second', ?"};
    for (int round = 0; round < 5; ++round) {
        // Prepared in turns, so that an old statement's id is another statement's on the new connection.
        const Statement& one = round % 2 == 0 ? first : second;
        const Statement& other = round % 2 == 0 ? second : first;
        CHECK(std::get<std::string>(must(database->query(one, {std::int64_t{1}}))[0][0]) == one.name);
        CHECK(std::get<std::string>(must(database->query(other, {std::int64_t{1}}))[0][0]) == other.name);
        const std::int64_t id = number(*database, "SELECT CONNECTION_ID()");
        kill_connection(schema, id);
        CHECK(std::get<std::string>(must(database->query(other, {std::int64_t{1}}))[0][0]) == other.name);
        CHECK(number(*database, "SELECT CONNECTION_ID()") != id);
        CHECK_FALSE(database->broken());
    }
}

TEST_CASE("neither a change nor a read within a transaction is tried twice") {
    const TemporarySchema schema;
    auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a INT)"));
    kill_connection(schema, number(*database, "SELECT CONNECTION_ID()"));
    const auto change = database->execute({"i", "INSERT INTO t VALUES (1)"}, {});
    REQUIRE_FALSE(change.has_value());
    CHECK(change.error().kind == ErrorKind::unavailable);
    CHECK(database->broken());
    CHECK_FALSE(database->query({"q", "SELECT 1"}, {}).has_value());  // it stays dropped

    database = schema.connect();
    {
        auto transaction = Transaction::begin(*database);
        REQUIRE(transaction.has_value());
        must(database->execute({"i", "INSERT INTO t VALUES (1)"}, {}));
        kill_connection(schema, number(*database, "SELECT CONNECTION_ID()"));
        CHECK_FALSE(database->query({"q", "SELECT 1"}, {}).has_value());
        CHECK_FALSE(transaction->commit().has_value());
    }
    CHECK(number(*schema.connect(), "SELECT COUNT(*) FROM t") == 0);
}

TEST_CASE("changes wait for each other, and a lost one leaves the way free") {
    const TemporarySchema schema;
    const auto first = schema.connect();
    const auto second = schema.connect();
    auto transaction = Transaction::begin(*first);
    REQUIRE(transaction.has_value());
    std::atomic<bool> through{false};
    std::thread waiting([&] {
        auto other = Transaction::begin(*second);
        through = other.has_value();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK_FALSE(through);
    kill_connection(schema, number(*first, "SELECT CONNECTION_ID()"));
    waiting.join();
    CHECK(through);
}

TEST_CASE("the server stops what takes too long, and the connection stays") {
    const TemporarySchema schema;
    MysqlAccess access = schema.access();
    access.statement_timeout = std::chrono::milliseconds(200);
    const auto database = must(open_mysql(access));
    const std::int64_t id = number(*database, "SELECT CONNECTION_ID()");
    const std::int64_t start = monotonic_now();
    const auto slow =
        database->query({"slow",
                         "SELECT COUNT(*) FROM information_schema.collations a,"
                         " information_schema.collations b, information_schema.collations c,"
                         " information_schema.collations d WHERE a.id + b.id + c.id + d.id = 7"},
                        {});
    REQUIRE_FALSE(slow.has_value());
    CHECK(slow.error().kind == ErrorKind::unavailable);
    CHECK(monotonic_now() - start < 900);
    CHECK_FALSE(database->broken());
    CHECK(number(*database, "SELECT CONNECTION_ID()") == id);
}

TEST_CASE("a stopped server costs one timeout, and the connection") {
    const TemporarySchema schema;
    MysqlAccess access = schema.access();
    access.io_timeout = std::chrono::seconds(1);
    const auto database = must(open_mysql(access));
    const auto server = static_cast<pid_t>(std::stoi(std::getenv("GERVE_TEST_MYSQL_PID")));
    REQUIRE(stop_and_wait(server));
    const std::int64_t start = monotonic_now();
    const auto answer = database->query({"q", "SELECT 1"}, {});
    const std::int64_t took = monotonic_now() - start;
    ::kill(server, SIGCONT);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().kind == ErrorKind::unavailable);
    CHECK(database->broken());
    CHECK(took > 900);
    CHECK(took < 2500);
    CHECK(number(*schema.connect(), "SELECT 1") == 1);
}

TEST_CASE("the server cannot ask for our files") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a TEXT)"));
    CHECK_FALSE(database->run_script("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t").has_value());
    CHECK(number(*schema.connect(), "SELECT COUNT(*) FROM t") == 0);
}

#include "authz/store/schema.h"

#include <atomic>
#include <thread>

#include "authz/store/directory_statements.h"
#include "authz/store/schema_files.h"
#include "authz/store/sqlite/sqlite.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::unique_ptr<Database> open(const TemporaryDirectory& directory) {
    return must(open_sqlite(directory.file("gerve.db"), SqliteMode::read_write, std::chrono::seconds(5)));
}

}  // namespace

TEST_CASE("an empty database is brought up once, and again without harm") {
    const TemporaryDirectory directory;
    const auto database = open(directory);
    CHECK(must(read_schema_version(*database)) == 0);
    CHECK(refusal(check_schema(*database)).find("gerve schema migrate") != std::string::npos);
    CHECK(must(migrate_schema(*database)) == 0);
    CHECK(must(read_schema_version(*database)) == current_schema_version());
    must(check_schema(*database));
    must(Registry(*database).add_account(login("alice"), AccountKind::user));
    CHECK(must(migrate_schema(*database)) == current_schema_version());
    CHECK(must(Registry(*database).list_accounts()).size() == 1);
}

TEST_CASE("a newer database is refused and left alone") {
    const TemporaryDirectory directory;
    const auto database = open(directory);
    must(migrate_schema(*database));
    must(database->run_script("INSERT INTO schema_version VALUES (99, 0);"));
    CHECK(refusal(migrate_schema(*database)).find("newer gerve") != std::string::npos);
    CHECK(refusal(check_schema(*database)).find("99") != std::string::npos);
    CHECK(must(read_schema_version(*database)) == 99);
}

TEST_CASE("the printed script makes the same database") {
    const TemporaryDirectory directory;
    const auto database = open(directory);
    must(database->run_script(schema_text(Dialect::sqlite)));
    must(check_schema(*database));
    CHECK(must(migrate_schema(*database)) == current_schema_version());
}

TEST_CASE("eight at once migrate one database") {
    const TemporaryDirectory directory;
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            auto database =
                open_sqlite(directory.file("gerve.db"), SqliteMode::read_write, std::chrono::seconds(20));
            if (database && migrate_schema(**database)) ++good;
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(good == 8);
    must(check_schema(*open(directory)));
}

TEST_CASE("a migration that fails leaves nothing") {
    const TemporaryDirectory directory;
    const auto database = open(directory);
    must(database->run_script("CREATE TABLE routes (mine TEXT);"));
    CHECK_FALSE(migrate_schema(*database).has_value());
    CHECK(must(read_schema_version(*database)) == 0);
    CHECK_FALSE(database->query({"t", "SELECT COUNT(*) FROM accounts"}, {}).has_value());
}

TEST_CASE("both dialects have every version, in order, without gaps") {
    for (const Dialect dialect : {Dialect::sqlite, Dialect::mysql}) {
        int last = 0;
        for (const SchemaFile& file : schema_files()) {
            if (file.dialect != dialect) continue;
            CHECK(file.version == ++last);
        }
        CHECK(last == current_schema_version());
    }
    CHECK(schema_text(Dialect::mysql).find("ENGINE=InnoDB") != std::string::npos);
}

TEST_CASE("every question of a login goes by an index") {
    const TemporaryDirectory directory;
    const auto database = open(directory);
    must(migrate_schema(*database));
    std::vector<Statement> statements(directory_statements().begin(), directory_statements().end());
    statements.push_back(directory_sql::own_keys_statement);
    for (std::size_t n = 2; n <= directory_sql::max_keys_at_once; ++n)
        statements.push_back(directory_sql::several_keys_statement(n));
    for (const Statement& statement : statements) {
        std::string sql = "EXPLAIN QUERY PLAN " + std::string(statement.sql);
        for (auto at = sql.find('?'); at != std::string::npos; at = sql.find('?')) sql.replace(at, 1, "'x'");
        const Rows plan = must(database->query({"plan", sql}, {}));
        CHECK_FALSE(plan.empty());
        for (const Row& row : plan) {
            const auto& step = std::get<std::string>(row.at(3));
            CAPTURE(std::string(statement.name) + ": " + step);
            const bool one_row = step == "SCAN CONSTANT ROW" || step == "SCAN always";
            CHECK((one_row || !step.starts_with("SCAN ")));
        }
    }
}

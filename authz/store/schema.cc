#include "authz/store/schema.h"

#include <algorithm>

#include "authz/base/clock.h"
#include "authz/store/schema_files.h"

namespace gerve {
namespace {

constexpr Statement find_table_sqlite{"schema-table",
                                      "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"};
constexpr Statement find_table_mysql{
    "schema-table",
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"};
constexpr Statement find_version{"schema-version", "SELECT COALESCE(MAX(version), 0) FROM schema_version"};
constexpr Statement add_version{"schema-version-add",
                                "INSERT INTO schema_version (version, applied_at) VALUES (?, ?)"};

constexpr std::string_view version_table =
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL);\n";

Result<std::int64_t> find_number(Database& database, const Statement& statement, Binds binds) {
    const auto rows = database.query(statement, binds);
    if (!rows) return pass_on(rows);
    if (rows->size() == 1 && rows->front().size() == 1) {
        if (const auto* number = std::get_if<std::int64_t>(&rows->front().front())) return *number;
    }
    return unavailable(std::string(statement.name) + ": expected one number");
}

std::string version_text(int version) {
    return "schema version " + std::to_string(version);
}

tl::unexpected<Error> refuse_newer(int version) {
    return client_error("the database has " + version_text(version) + ", but this program knows only " +
                        std::to_string(current_schema_version()) + ": use a newer gerve");
}

Result<void> apply(Database& database, const SchemaFile& file) {
    if (auto ran = database.run_script(file.sql); !ran) {
        // A constraint cannot fail on tables that are being made.
        return unavailable(std::string(file.name) + ": " + describe(ran.error()));
    }
    const auto added = database.execute(add_version, {std::int64_t{file.version}, unix_now()});
    if (!added) return pass_on(added);
    return {};
}

}  // namespace

int current_schema_version() {
    int version = 0;
    for (const SchemaFile& file : schema_files()) version = std::max(version, file.version);
    return version;
}

std::string schema_text(Dialect dialect) {
    std::string text(version_table);
    for (const SchemaFile& file : schema_files()) {
        if (file.dialect != dialect) continue;
        text += "\n-- " + std::string(file.name) + "\n" + std::string(file.sql);
        text += "INSERT INTO schema_version (version, applied_at) VALUES (" + std::to_string(file.version) +
                ", 0);\n";
    }
    return text;
}

Result<int> read_schema_version(Database& database) {
    const Statement& find_table =
        database.dialect() == Dialect::sqlite ? find_table_sqlite : find_table_mysql;
    const auto tables = find_number(database, find_table, {std::string_view("schema_version")});
    if (!tables) return pass_on(tables);
    if (*tables == 0) return 0;
    const auto version = find_number(database, find_version, {});
    if (!version) return pass_on(version);
    return static_cast<int>(*version);
}

Result<int> migrate_schema(Database& database) {
    // Without the write lock first: nearly always there is nothing to do.
    const auto found = read_schema_version(database);
    if (!found || *found == current_schema_version()) return found;
    auto transaction = Transaction::begin(database);
    if (!transaction) return pass_on(transaction);
    const auto before = read_schema_version(database);
    if (!before) return before;
    if (*before > current_schema_version()) return refuse_newer(*before);
    if (auto made = database.run_script(version_table); !made) return pass_on(made);
    for (const SchemaFile& file : schema_files()) {
        if (file.dialect != database.dialect() || file.version <= *before) continue;
        if (auto applied = apply(database, file); !applied) return pass_on(applied);
    }
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return *before;
}

Result<void> check_schema(Database& database) {
    const auto version = read_schema_version(database);
    if (!version) return pass_on(version);
    if (*version > current_schema_version()) return refuse_newer(*version);
    if (*version == current_schema_version()) return {};
    return client_error("the database has " + (*version == 0 ? "no Gerve tables" : version_text(*version)) +
                        ": run `gerve schema migrate`");
}

}  // namespace gerve

#include "authz/store/sqlite/sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "authz/base/clock.h"
#include "authz/base/fd.h"
#include "authz/store/open_database.h"
#include "authz/store/schema.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

constexpr std::chrono::milliseconds soon{50};

struct File : TemporaryDirectory {
    std::string name = file("gerve.db");
    [[nodiscard]] Result<std::unique_ptr<Database>> open(SqliteMode mode) const {
        return open_sqlite(name, mode, soon);
    }
    File() {
        const auto database = must(open(SqliteMode::read_write));
        must(migrate_schema(*database));
        must(Registry(*database).add_account(login("alice"), AccountKind::user));
        must(Registry(*database).add_key(login("alice"), make_key(1), {"", std::nullopt}));
    }
};

Result<std::optional<KnownKey>> find(Database& database) {
    QueryCounters counters;
    const Route local{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}};
    return Directory(database, counters, local).find_key(make_key(1), unix_now());
}

// Whether a reader gets the one answer that is no answer.
bool is_unavailable(const Result<std::unique_ptr<Database>>& opened) {
    if (!opened) return opened.error().kind == ErrorKind::unavailable;
    const auto key = find(**opened);
    return !key && key.error().kind == ErrorKind::unavailable;
}

}  // namespace

TEST_CASE("values of every type come back as they went") {
    const TemporaryDirectory directory;
    const auto database = must(open_sqlite(directory.file("t.db"), SqliteMode::read_write, soon));
    must(database->run_script("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c BLOB);"));
    const std::string bytes("\0\xff'\"?", 5);
    const Statement insert{"insert", "INSERT INTO t (a, b, c) VALUES (?, ?, ?)"};
    CHECK(must(database->execute(insert, {std::int64_t{-5}, std::string_view("x;--"), BlobView{bytes}}))
              .inserted_id == 1);
    CHECK(must(database->execute(insert, {{}, std::string_view{}, BlobView{}})).inserted_id == 2);
    const Rows rows = must(database->query({"select", "SELECT a, b, c FROM t ORDER BY id"}, {}));
    REQUIRE(rows.size() == 2);
    CHECK((rows[0] == Row{std::int64_t{-5}, std::string("x;--"), bytes}));
    CHECK((rows[1] == Row{std::monostate{}, std::string(), std::string()}));
    const Statement update{"update", "UPDATE t SET a = 1 WHERE b = ?"};
    CHECK(must(database->execute(update, {std::string_view("no")})).rows == 0);
    CHECK(must(database->execute(update, {std::string_view("x;--")})).rows == 1);
}

TEST_CASE("a statement is ready for its next run, whatever way the last one took") {
    const File file;
    const auto database = must(file.open(SqliteMode::read_write));
    const Statement insert{"insert", "INSERT INTO servers (name) VALUES (?)"};
    must(database->execute(insert, {std::string_view("a")}));
    const auto again = database->execute(insert, {std::string_view("a")});
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().kind == ErrorKind::client);
    CHECK_FALSE(database->broken());
    must(database->execute(insert, {std::string_view("b")}));
    const auto missing_bind = database->execute(insert, {});
    REQUIRE_FALSE(missing_bind.has_value());
    CHECK(missing_bind.error().kind == ErrorKind::internal);
}

TEST_CASE("a real number in a column is unavailable") {
    const File file;
    const auto database = must(file.open(SqliteMode::read_write));
    const auto rows = database->query({"real", "SELECT 1.5"}, {});
    REQUIRE_FALSE(rows.has_value());
    CHECK(rows.error().kind == ErrorKind::unavailable);
}

TEST_CASE("a new file is private, and so are the files beside it") {
    const File file;
    const auto database = must(file.open(SqliteMode::read_write));
    must(Registry(*database).add_account(login("bob"), AccountKind::user));
    unsigned files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(file.path())) {
        struct stat status {};
        REQUIRE(::stat(entry.path().c_str(), &status) == 0);
        CAPTURE(entry.path().string());
        CHECK((status.st_mode & 0777) == 0600);
        ++files;
    }
    CHECK(files == 4);  // the database, -wal, -shm, -identity
}

TEST_CASE("a reader reads beside a writer, and cannot write") {
    const File file;
    const auto reader = must(file.open(SqliteMode::read_only));
    const auto writer = must(file.open(SqliteMode::read_write));
    auto transaction = Transaction::begin(*writer);
    REQUIRE(transaction.has_value());
    must(Registry(*writer).suspend_account(login("alice")));
    CHECK_FALSE(std::get<User>(must(find(*reader))->holder).suspended);
    must(transaction->commit());
    CHECK(std::get<User>(must(find(*reader))->holder).suspended);
    CHECK_FALSE(Registry(*reader).add_account(login("bob"), AccountKind::user).has_value());
}

TEST_CASE("a missing file is unavailable to a reader, and is not made") {
    const TemporaryDirectory directory;
    CHECK(is_unavailable(open_sqlite(directory.file("gerve.db"), SqliteMode::read_only, soon)));
    CHECK_FALSE(std::filesystem::exists(directory.file("gerve.db")));
}

TEST_CASE("a user without rights to a file learns which, and as whom to run the command") {
    if (::geteuid() != 0) return;  // only root can become such a user
    const File file;
    for (const mode_t mode : {0700U, 0755U}) {
        REQUIRE(::chmod(file.path().c_str(), mode) == 0);
        REQUIRE(::seteuid(65534) == 0);
        const auto reader = file.open(SqliteMode::read_only);
        const auto writer = file.open(SqliteMode::read_write);
        REQUIRE(::seteuid(0) == 0);
        for (const auto* opened : {&reader, &writer}) {
            REQUIRE_FALSE(opened->has_value());
            const std::string& text = opened->error().detail;
            CHECK_MESSAGE(text.starts_with(file.name + ": user "), text);
            CHECK_MESSAGE(text.find("has no rights to it: run this as root") != std::string::npos, text);
        }
    }
}

TEST_CASE("a file that is no database, an empty one and a directory are unavailable, never missing") {
    for (const std::string& content : {std::string("#!/bin/sh\n") + std::string(8192, 'x'), std::string()}) {
        const TemporaryDirectory directory;
        std::ofstream(directory.file("gerve.db")) << content;
        CHECK(is_unavailable(open_sqlite(directory.file("gerve.db"), SqliteMode::read_only, soon)));
    }
    const TemporaryDirectory directory;
    CHECK(is_unavailable(open_sqlite(directory.path(), SqliteMode::read_only, soon)));
}

TEST_CASE("a locked database is unavailable within its patience") {
    const File file;
    const auto writer = must(file.open(SqliteMode::read_write));
    must(
        writer->run_script("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
                           " INSERT INTO servers (name) VALUES ('x');"));
    const auto start = monotonic_now();
    CHECK(is_unavailable(file.open(SqliteMode::read_only)));
    CHECK(monotonic_now() - start < 2000);
}

TEST_CASE("a writer that meets a writer is unavailable after its patience") {
    const File file;
    const auto first = must(file.open(SqliteMode::read_write));
    const auto second = must(file.open(SqliteMode::read_write));
    const auto transaction = Transaction::begin(*first);
    REQUIRE(transaction.has_value());
    const auto suspended = Registry(*second).suspend_account(login("alice"));
    REQUIRE_FALSE(suspended.has_value());
    CHECK(suspended.error().kind == ErrorKind::unavailable);
}

TEST_CASE("damage in the middle of a file is unavailable, never missing") {
    const File file;
    {
        const auto database = must(file.open(SqliteMode::read_write));
        must(database->run_script("PRAGMA wal_checkpoint(TRUNCATE);"));
    }
    const auto size = std::filesystem::file_size(file.name);
    const Fd raw(::open(file.name.c_str(), O_RDWR | O_CLOEXEC));
    const std::string zeros(4096, '\0');
    for (std::uintmax_t page = 1; page * 4096 < size; ++page) {
        REQUIRE(::pwrite(raw.get(), zeros.data(), zeros.size(), static_cast<off_t>(page * 4096)) == 4096);
    }
    const auto damaged = file.open(SqliteMode::read_only);
    CHECK(is_unavailable(damaged));
    CHECK((!damaged || (*damaged)->broken()));
}

TEST_CASE("a file that was replaced under a connection is noticed") {
    const File file;
    const auto opened = file.open(SqliteMode::read_only);
    REQUIRE(opened.has_value());
    CHECK(must(find(**opened)).has_value());
    std::filesystem::remove(file.name);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    CHECK(is_unavailable(opened));
    CHECK((*opened)->broken());
}

TEST_CASE("a command makes the state directory and the schema; authz makes neither") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    CHECK(is_unavailable((*choose_database(config, DatabaseUse::serve))()));
    const auto database = must(open_for_administration(config));
    must(check_schema(*database));
    struct stat status {};
    REQUIRE(::stat(config.state.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    CHECK((*choose_database(config, DatabaseUse::serve))().has_value());
}

#include "authz/store/sqlite/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds soon{50};
constexpr std::chrono::milliseconds a_look{1'100};

// A directory with the account `alice`, a backup of it, and `bob`, who was added later and is in the log
// alone.
struct Changed : TemporaryDirectory {
    std::string name = file("gerve.db");
    std::string backup = file("backup.db");
    std::unique_ptr<Database> writer;

    Changed() {
        writer = open(SqliteMode::read_write);
        must(migrate_schema(*writer));
        add("alice");
        must(writer->run_script("VACUUM INTO '" + backup + "';"));
        must(writer->run_script("PRAGMA wal_checkpoint;"));
        add("bob");
    }
    [[nodiscard]] std::unique_ptr<Database> open(SqliteMode mode) const {
        return must(open_sqlite(name, mode, soon));
    }
    [[nodiscard]] std::string refusal_to_open(SqliteMode mode) const {
        const auto opened = open_sqlite(name, mode, soon);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().kind == ErrorKind::unavailable);
        return opened.error().detail;
    }
    void add(const std::string& who) { must(Registry(*writer).add_account(login(who), AccountKind::user)); }
    void move_backup_in() const {
        fs::copy_file(backup, file("new"));
        fs::rename(file("new"), name);
    }
    void copy_over() const {  // as cp(1) does
        const auto bytes = must(read_file(backup, std::size_t{1} << 24));
        const Fd into(::open(name.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
        REQUIRE(::write(into.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    [[nodiscard]] bool has(const std::string& part) const {
        for (const auto& entry : fs::directory_iterator(path())) {
            if (entry.path().filename().string().starts_with(part)) return true;
        }
        return false;
    }
};

// "alice bob"; "!" when it is unavailable
std::string accounts(Database& database) {
    const auto rows = database.query({"t", "SELECT login FROM accounts ORDER BY login"}, {});
    if (!rows) return "!";
    std::string names;
    for (const Row& row : *rows) names += (names.empty() ? "" : " ") + std::get<std::string>(row[0]);
    return names;
}

bool is_whole(Database& database) {
    const auto rows = must(database.query({"t", "PRAGMA integrity_check"}, {}));
    return std::get<std::string>(rows.front().front()) == "ok";
}

void restore_by_sqlite(const std::string& from, const std::string& into) {
    sqlite3* source = nullptr;
    sqlite3* target = nullptr;
    REQUIRE(sqlite3_open(from.c_str(), &source) == SQLITE_OK);
    REQUIRE(sqlite3_open(into.c_str(), &target) == SQLITE_OK);
    auto* copying = sqlite3_backup_init(target, "main", source, "main");
    CHECK(sqlite3_backup_step(copying, -1) == SQLITE_DONE);
    sqlite3_backup_finish(copying);
    sqlite3_close(source);
    sqlite3_close(target);
}

}  // namespace

TEST_CASE("a backup moved into place is served alone, and no reader is refused") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    const auto other = site.open(SqliteMode::read_only);
    CHECK(accounts(*reader) == "alice bob");
    site.move_backup_in();
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "alice");
    CHECK(site.has("gerve.db-wal."));
    // What the writer knew of the file holds no more.
    CHECK(accounts(*site.writer) == "!");
    CHECK(site.writer->broken());
    site.writer = site.open(SqliteMode::read_write);
    site.add("carol");
    other->tend();
    CHECK_FALSE(other->broken());
    CHECK(accounts(*other) == "alice carol");
    CHECK(accounts(*reader) == "alice carol");
    CHECK(is_whole(*site.writer));
}

TEST_CASE("a command that opens a backup moved into place never sees the former file's log") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    site.move_backup_in();
    auto command = site.open(SqliteMode::read_write);
    CHECK(accounts(*command) == "alice");
    must(Registry(*command).add_account(login("dave"), AccountKind::user));
    // A connection of before is closed behind that of the new file, and takes nothing along.
    site.writer.reset();
    CHECK(accounts(*command) == "alice dave");
    const auto again = site.open(SqliteMode::read_write);
    CHECK(accounts(*again) == "alice dave");
    must(Registry(*again).add_account(login("erin"), AccountKind::user));
    CHECK(accounts(*command) == "alice dave erin");
    CHECK(is_whole(*again));
}

TEST_CASE("the log of a process that was killed is not played into another file") {
    Changed site;
    site.writer.reset();
    const pid_t child = ::fork();
    if (child == 0) {
        site.writer = site.open(SqliteMode::read_write);
        site.add("carol");
        ::_exit(0);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(site.has("gerve.db-wal"));
    site.move_backup_in();
    CHECK(accounts(*site.open(SqliteMode::read_write)) == "alice");
}

TEST_CASE("a copy of all of the files together is taken with its log") {
    Changed site;
    TemporaryDirectory elsewhere;
    for (const char* end : {"", "-wal", "-identity"})
        fs::copy_file(site.name + end, elsewhere.file("gerve.db") + end);
    const auto copy = must(open_sqlite(elsewhere.file("gerve.db"), SqliteMode::read_write, soon));
    CHECK(accounts(*copy) == "alice bob");
}

TEST_CASE("a database file that is gone is not made anew") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    fs::remove(site.name);
    std::this_thread::sleep_for(a_look);
    reader->tend();
    CHECK(reader->broken());
    for (const auto mode : {SqliteMode::read_only, SqliteMode::read_write, SqliteMode::read_write_existing})
        CHECK(site.refusal_to_open(mode).find("missing: restore a backup with `gerve restore FILE`") !=
              std::string::npos);
    CHECK_FALSE(fs::exists(site.name));
    fs::copy_file(site.backup, site.name);
    CHECK(accounts(*site.open(SqliteMode::read_write)) == "alice");
}

TEST_CASE("a truncated file is unavailable, and is not taken for a new one") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    fs::resize_file(site.name, 0);
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "!");
    CHECK(reader->broken());
    for (const auto mode : {SqliteMode::read_only, SqliteMode::read_write})
        CHECK(site.refusal_to_open(mode).find("truncated") != std::string::npos);
    CHECK(fs::file_size(site.name) == 0);
}

TEST_CASE("a file that was overwritten in place is not mixed with the log, nor served") {
    Changed site;
    auto reader = site.open(SqliteMode::read_only);
    site.copy_over();
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "!");
    auto begun = Transaction::begin(*site.writer);
    CHECK_FALSE(begun);
    CHECK(site.refusal_to_open(SqliteMode::read_only).find("being closed") != std::string::npos);
    reader.reset();
    site.writer.reset();
    CHECK(site.refusal_to_open(SqliteMode::read_write).find("overwritten in place") != std::string::npos);
    // Nothing was written into it.
    const auto copied = must(read_file(site.backup, std::size_t{1} << 24));
    CHECK(must(read_file(site.name, std::size_t{1} << 24)) == copied);
}

TEST_CASE("a file that was overwritten while nobody had it open is served") {
    Changed site;
    site.writer.reset();
    REQUIRE_FALSE(site.has("gerve.db-wal"));
    site.copy_over();
    CHECK(accounts(*site.open(SqliteMode::read_write)) == "alice");
}

TEST_CASE("a log that was removed while in use costs nothing once all connections are closed") {
    for (const char* end : {"-wal", "-shm"}) {
        CAPTURE(end);
        Changed site;
        auto reader = site.open(SqliteMode::read_only);
        fs::remove(site.name + end);
        std::this_thread::sleep_for(a_look);
        CHECK(accounts(*reader) == "!");
        CHECK(accounts(*site.writer) == "!");
        reader.reset();
        site.writer.reset();
        site.writer = site.open(SqliteMode::read_write);
        CHECK(accounts(*site.writer) == "alice bob");
        CHECK(is_whole(*site.writer));
    }
}

TEST_CASE("a restore by SQLite itself is followed, and nothing is refused") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    restore_by_sqlite(site.backup, site.name);
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "alice");
    must(site.writer->run_script("PRAGMA wal_checkpoint; VACUUM; PRAGMA wal_checkpoint;"));
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "alice");
    site.add("carol");
    CHECK(accounts(*site.open(SqliteMode::read_only)) == "alice carol");
}

TEST_CASE("a damaged file that was moved into place is unavailable, with what is wrong") {
    Changed site;
    const auto reader = site.open(SqliteMode::read_only);
    auto bytes = must(read_file(site.backup, std::size_t{1} << 24));
    std::fill(bytes.begin() + 4096, bytes.end() - 4096, 'x');
    must(write_file(site.file("new"), bytes, 0600));
    fs::rename(site.file("new"), site.name);
    std::this_thread::sleep_for(a_look);
    CHECK(accounts(*reader) == "!");
    const std::string why = site.refusal_to_open(SqliteMode::read_only);
    CHECK(why.find("replaced by a damaged file") != std::string::npos);
    CHECK(why.find("gerve restore") != std::string::npos);
}

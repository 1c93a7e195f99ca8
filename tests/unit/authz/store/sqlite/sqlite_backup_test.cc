#include "authz/store/sqlite/sqlite_backup.h"

#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "authz/base/fd.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

namespace fs = std::filesystem;

constexpr UnixMillis noon = 1'769'860'800'000;  // 2026-01-31T12:00:00Z

// A directory with the account `alice`.
struct Site : TemporaryDirectory {
    std::string name = file("gerve.db");
    std::string backup = file("backup.db");
    std::unique_ptr<Database> writer = open();

    Site() {
        must(migrate_schema(*writer));
        add("alice");
    }
    [[nodiscard]] std::unique_ptr<Database> open(SqliteMode mode = SqliteMode::read_write) const {
        return must(open_sqlite(name, mode, std::chrono::milliseconds(200)));
    }
    void add(const std::string& who) { must(Registry(*writer).add_account(login(who), AccountKind::user)); }
    [[nodiscard]] std::string restore_refused(const std::string& from) const {
        const auto restored = restore_sqlite(from, name, noon);
        REQUIRE_FALSE(restored);
        return describe(restored.error());
    }
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(path())) names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }
};

std::string accounts(Database& database) {
    std::string names;
    for (const Row& row : must(database.query({"t", "SELECT login FROM accounts ORDER BY login"}, {})))
        names += (names.empty() ? "" : " ") + std::get<std::string>(row[0]);
    return names;
}

std::string accounts_in(const std::string& file) {
    return accounts(*must(open_sqlite(file, SqliteMode::read_only, std::chrono::milliseconds(200))));
}

}  // namespace

TEST_CASE("a backup is whole, private and alone, whatever goes on meanwhile") {
    Site site;
    const auto transaction = Transaction::begin(*site.writer);
    REQUIRE(transaction);
    site.add("uncommitted");
    const auto facts = must(backup_sqlite(site.name, site.backup));
    CHECK(facts.accounts == 1);
    CHECK(facts.schema == current_schema_version());
    struct stat status {};
    REQUIRE(::stat(site.backup.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(site.files() == std::vector<std::string>{"backup.db", "gerve.db", "gerve.db-identity",
                                                   "gerve.db-shm", "gerve.db-wal"});
    CHECK(accounts_in(site.backup) == "alice");
}

TEST_CASE("a backup overwrites nothing, and leaves nothing of one that fails") {
    Site site;
    must(write_file(site.backup, "mine", 0600));
    CHECK_FALSE(backup_sqlite(site.name, site.backup));
    CHECK(must(read_file(site.backup, 100)) == "mine");
    CHECK_FALSE(backup_sqlite(site.file("no.db"), site.file("other.db")));
    CHECK_FALSE(backup_sqlite(site.name, site.file("no/such/directory.db")));
    CHECK_FALSE(fs::exists(site.file("other.db")));
    CHECK_FALSE(fs::exists(site.file("other.db.part")));
}

TEST_CASE("a restore serves the backup to whoever has the database open, and keeps what was there") {
    Site site;
    (void)must(backup_sqlite(site.name, site.backup));
    site.add("bob");
    const auto reader = site.open(SqliteMode::read_only);
    CHECK(accounts(*reader) == "alice bob");
    const auto facts = must(restore_sqlite(site.backup, site.name, noon));
    CHECK(facts.accounts == 1);
    CHECK(facts.former == site.name + ".before-20260131T120000Z");
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    CHECK(accounts(*reader) == "alice");
    site.writer = site.open();
    site.add("carol");
    CHECK(accounts(*reader) == "alice carol");
    CHECK(accounts_in(facts.former) == "alice bob");
    CHECK(accounts_in(site.backup) == "alice");
    for (const std::string& name : site.files()) CHECK(name.find("restoring") == std::string::npos);
}

TEST_CASE("what is no good backup changes nothing") {
    Site site;
    (void)must(backup_sqlite(site.name, site.backup));
    site.add("bob");
    auto bytes = must(read_file(site.backup, std::size_t{1} << 24));
    std::fill(bytes.begin() + 4096, bytes.end() - 4096, 'x');
    must(write_file(site.file("damaged.db"), bytes, 0600));
    CHECK(site.restore_refused(site.file("damaged.db")).find("damaged") != std::string::npos);
    must(write_file(site.file("text"), "no database at all, and long enough to be looked at", 0600));
    CHECK(site.restore_refused(site.file("text")).find("text") != std::string::npos);
    must(write_file(site.file("empty"), "", 0600));
    CHECK(site.restore_refused(site.file("empty")).find("empty") != std::string::npos);
    CHECK(site.restore_refused(site.file("none")).find("No such file") != std::string::npos);
    CHECK(site.restore_refused(site.path()).find("not a regular file") != std::string::npos);
    {
        const auto other =
            must(open_sqlite(site.file("other.db"), SqliteMode::read_write, std::chrono::milliseconds(200)));
        must(other->run_script("CREATE TABLE t (x);"));
        CHECK(site.restore_refused(site.file("other.db")).find("write-ahead log") != std::string::npos);
    }
    CHECK(site.restore_refused(site.file("other.db")).find("no Gerve tables") != std::string::npos);
    {
        const auto newer =
            must(open_sqlite(site.backup, SqliteMode::read_write, std::chrono::milliseconds(200)));
        must(
            newer->run_script("UPDATE schema_version SET version = version + 1"
                              " WHERE version = (SELECT MAX(version) FROM schema_version);"));
    }
    CHECK(site.restore_refused(site.backup).find("newer") != std::string::npos);
    CHECK(accounts(*site.writer) == "alice bob");
    for (const std::string& name : site.files()) CHECK(name.find("gerve.db.") == std::string::npos);
}

TEST_CASE("a restore works where the database is gone, truncated or overwritten") {
    Site site;
    (void)must(backup_sqlite(site.name, site.backup));
    SUBCASE("gone") {
        fs::remove(site.name);
    }
    SUBCASE("truncated") {
        fs::resize_file(site.name, 0);
    }
    SUBCASE("overwritten by something else") {
        must(write_file(site.name, std::string(8192, 'x'), 0600));
    }
    site.writer.reset();
    (void)must(restore_sqlite(site.backup, site.name, noon));
    CHECK(accounts(*site.open()) == "alice");
}

TEST_CASE("two databases that are replaced within a second are both kept") {
    Site site;
    must(backup_sqlite(site.name, site.backup));
    site.writer.reset();
    const auto first = must(restore_sqlite(site.backup, site.name, noon)).former;
    const auto second = must(restore_sqlite(site.backup, site.name, noon)).former;
    CHECK(first != second);
    CHECK(accounts_in(first) == "alice");
    CHECK(accounts_in(second) == "alice");
}

// What it leads to may be on a disk that is not mounted: the way there must not be lost.
TEST_CASE("a link to a database that cannot be reached is kept as well") {
    Site site;
    must(backup_sqlite(site.name, site.backup));
    site.writer.reset();
    fs::remove(site.name);
    fs::create_symlink(site.file("not-mounted/gerve.db"), site.name);
    const auto former = must(restore_sqlite(site.backup, site.name, noon)).former;
    REQUIRE_FALSE(former.empty());
    CHECK(fs::read_symlink(former) == site.file("not-mounted/gerve.db"));
    CHECK(accounts_in(site.name) == "alice");
}

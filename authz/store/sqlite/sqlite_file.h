// The files of an SQLite database as files: noticing that one was replaced, overwritten, truncated or removed
// by something other than SQLite, and keeping the write-ahead log of one database out of another.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"

struct sqlite3;

namespace gerve {

// Which file a name stands for. Numbers of files are given again; the time of birth tells two such apart
// where the file system keeps it.
struct FileIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t birth = 0;  // ns since the epoch; 0: not kept
    bool operator==(const FileIdentity&) const = default;
};

// Numbers of the first page (SQLite's file format, 1.3) as they stand in the file itself.
struct SqliteHeader {
    std::uint32_t changes = 0;  // file change counter, offset 24
    std::uint32_t pages = 0;    // size, offset 28
    std::uint32_t schema = 0;   // schema cookie, offset 40
    bool operator==(const SqliteHeader&) const = default;
    // Whether SQLite cannot have led from `before` to this: counters never go back, and only what raises the
    // cookie (VACUUM, a restore by SQLite itself) makes the file smaller.
    [[nodiscard]] bool is_older_than(const SqliteHeader& before) const;
};

// What one connection was opened on. Lives longer than the connection.
class SqliteWatch {
  public:
    // Whether the names still stand for these files, at most once a second unless `now`. Error: unavailable,
    // with what happened; the connection is to be closed. When a file was changed under its own name, no
    // connection of this process is opened before all of them are closed: SQLite shares memory among those of
    // one file.
    [[nodiscard]] Result<void> look(sqlite3* connection, bool now);
    // Before the connection is closed: SQLite must not carry the log over into a file that it does not belong
    // to.
    void settle(sqlite3* connection);

  private:
    friend class SqliteOpening;
    struct Shared;  // by all connections of this process to one file
    SqliteWatch() = default;
    [[nodiscard]] Result<void> check(sqlite3* connection);
    [[nodiscard]] Result<void> check_header(sqlite3* connection);
    enum class Log { fits, does_not_fit };
    [[nodiscard]] tl::unexpected<Error> spoil(std::string why, Log log);

    std::string file_;
    std::optional<FileIdentity> database_;
    std::optional<FileIdentity> log_;     // -wal
    std::optional<FileIdentity> memory_;  // -shm
    SqliteHeader header_;
    std::shared_ptr<Shared> shared_;
    std::int64_t looked_at_ = 0;  // monotonic_now()
};

// The opening of one connection, in these steps and by one process at a time: a lock on FILE-identity, where
// stands what was opened last.
class SqliteOpening {
  public:
    // Error: unavailable (another process does not get done within `patience`).
    [[nodiscard]] static Result<SqliteOpening> begin(const std::string& file,
                                                     std::chrono::milliseconds patience);
    // Before the file is opened. A write-ahead log that belongs to a file which is there no more is renamed
    // to FILE-wal.TIME. `may_make`: a file that never was may be missing. Error: unavailable (gone,
    // truncated).
    [[nodiscard]] Result<void> prepare(bool may_make);
    // On the open connection, before its first statement. Error: unavailable (overwritten, replaced just
    // now).
    [[nodiscard]] Result<void> check(sqlite3* connection);
    // Behind the first statement, when the files are open. Whether another file was opened the last time: the
    // caller has it checked before finish().
    [[nodiscard]] bool is_another() const { return replaced_; }
    // In the steps' place: see replace_sqlite().
    [[nodiscard]] Result<void> replace(const std::string& with);
    // Notes what was opened.
    [[nodiscard]] SqliteWatch finish(sqlite3* connection);

  private:
    struct Record {
        FileIdentity database;
        FileIdentity log;
        SqliteHeader header;
    };
    explicit SqliteOpening(std::string file) : file_(std::move(file)) {}
    friend class SqliteWatch;
    [[nodiscard]] Result<void> lock(std::chrono::milliseconds patience);
    [[nodiscard]] std::optional<Record> read() const;
    void write(const Record& record) const;
    void put_log_aside() const;

    std::string file_;
    Fd identity_;  // none where this user may not even read it
    std::optional<Record> last_;
    std::optional<FileIdentity> found_;  // the database, by prepare()
    bool replaced_ = false;
};

// Puts the database `with`, which nobody has open, in the place of `file`, whose log goes. Who has `file`
// open goes on with the new one as SqliteWatch says. Error: unavailable.
[[nodiscard]] Result<void> replace_sqlite(const std::string& file, const std::string& with,
                                          std::chrono::milliseconds patience);

// The file beside a database that says what was opened last.
[[nodiscard]] inline std::string sqlite_identity_file(const std::string& file) {
    return file + "-identity";
}

}  // namespace gerve

#include "authz/store/sqlite/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <unordered_map>

#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/store/sqlite/sqlite_file.h"
#include "authz/store/sqlite/sqlite_rights.h"

namespace gerve {
namespace {

struct CloseConnection {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
struct Finalize {
    void operator()(sqlite3_stmt* prepared) const { sqlite3_finalize(prepared); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

// Leaves a prepared statement ready for its next use, whatever way its run took.
class Reset {
  public:
    explicit Reset(sqlite3_stmt* prepared) : prepared_(prepared) {}
    Reset(const Reset&) = delete;
    Reset& operator=(const Reset&) = delete;
    ~Reset() {
        sqlite3_reset(prepared_);
        sqlite3_clear_bindings(prepared_);
    }

  private:
    sqlite3_stmt* prepared_;
};

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// A null pointer would bind NULL.
const char* data_of(std::string_view bytes) {
    return bytes.data() == nullptr ? "" : bytes.data();
}

int bind_one(sqlite3_stmt* prepared, int place, const Bind& bind) {
    struct Visitor {
        sqlite3_stmt* prepared;
        int place;
        int operator()(std::monostate) const { return sqlite3_bind_null(prepared, place); }
        int operator()(std::int64_t number) const { return sqlite3_bind_int64(prepared, place, number); }
        int operator()(std::string_view text) const {
            return sqlite3_bind_text64(prepared, place, data_of(text), text.size(), SQLITE_STATIC,
                                       SQLITE_UTF8);
        }
        int operator()(BlobView blob) const {
            return sqlite3_bind_blob64(prepared, place, data_of(blob.bytes), blob.bytes.size(),
                                       SQLITE_STATIC);
        }
    };
    return std::visit(Visitor{prepared, place}, bind);
}

std::string column_bytes(sqlite3_stmt* prepared, int place, const void* bytes) {
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(prepared, place))};
}

// Nothing for a real number: no column of ours holds one.
bool read_column(sqlite3_stmt* prepared, int place, Column& column) {
    switch (sqlite3_column_type(prepared, place)) {
        case SQLITE_NULL: return true;
        case SQLITE_INTEGER: column = sqlite3_column_int64(prepared, place); return true;
        case SQLITE_TEXT:
            column = column_bytes(prepared, place, sqlite3_column_text(prepared, place));
            return true;
        case SQLITE_BLOB:
            column = column_bytes(prepared, place, sqlite3_column_blob(prepared, place));
            return true;
        default: return false;
    }
}

// Whether the connection itself is in doubt. Every other error is the statement's alone (a table that is
// missing, a lock, a full disk): it must not cost the next question its connection. A file that could only be
// opened for reading stays so for the connection's life.
bool ends_connection(int code) {
    switch (code & 0xff) {
        case SQLITE_INTERNAL:
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_CANTOPEN:
        case SQLITE_PROTOCOL:
        case SQLITE_MISUSE:
        case SQLITE_NOLFS:
        case SQLITE_NOTADB: return true;
        default: return false;
    }
}

class Sqlite final : public Database {
  public:
    Sqlite(std::string file, SqliteMode mode, std::chrono::milliseconds patience)
        : file_(std::move(file)), mode_(mode), patience_(patience) {}

    Sqlite(const Sqlite&) = delete;
    Sqlite& operator=(const Sqlite&) = delete;
    ~Sqlite() override { close(); }

    // Error: unavailable.
    Result<void> open() {
        close();
        auto opening = SqliteOpening::begin(file_, patience_);
        if (!opening) return pass_on(opening);
        if (auto connected = connect(*opening); !connected) {
            connection_.reset();
            return connected;
        }
        watch_ = opening->finish(connection_.get());
        return {};
    }

    void tend() override {
        if (watch_ && connection_ && !broken_) (void)check_file(false);
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        auto prepared = prepare(statement, binds);
        if (!prepared) return pass_on(prepared);
        const Reset reset(*prepared);
        Rows rows;
        int code = 0;
        while ((code = sqlite3_step(*prepared)) == SQLITE_ROW) {
            if (rows.size() == max_rows) return unavailable(place(statement) + ": too many rows");
            Row& row = rows.emplace_back(static_cast<std::size_t>(sqlite3_column_count(*prepared)));
            for (int i = 0; i < static_cast<int>(row.size()); ++i) {
                if (!read_column(*prepared, i, row[static_cast<std::size_t>(i)])) {
                    return unavailable(place(statement) + ": a column holds a real number");
                }
            }
        }
        if (code != SQLITE_DONE) return error(code, place(statement));
        return rows;
    }

    Result<Change> execute(const Statement& statement, Binds binds) override {
        auto prepared = prepare(statement, binds);
        if (!prepared) return pass_on(prepared);
        const Reset reset(*prepared);
        int code = 0;
        while ((code = sqlite3_step(*prepared)) == SQLITE_ROW) {
        }
        if (code != SQLITE_DONE) return error(code, place(statement));
        return Change{sqlite3_changes64(connection_.get()), sqlite3_last_insert_rowid(connection_.get())};
    }

    Result<std::vector<std::string>> columns(const Statement& statement) override {
        const auto prepared = find_prepared(statement);
        if (!prepared && sqlite3_errcode(connection_.get()) == SQLITE_ERROR && !broken_)
            return client_error(prepared.error().detail);
        if (!prepared) return pass_on(prepared);
        std::vector<std::string> names;
        for (int i = 0; i < sqlite3_column_count(*prepared); ++i) {
            names.emplace_back(sqlite3_column_name(*prepared, i));
        }
        return names;
    }

    Result<void> run_script(std::string_view sql) override { return run(std::string(sql), "script"); }
    Result<void> begin() override {
        if (auto here = check_file(true); !here) return here;
        return run("BEGIN IMMEDIATE", "begin");
    }
    Result<void> commit() override {
        auto committed = run("COMMIT", "commit");
        if (!committed) rollback();
        return committed;
    }
    // SQLite may have rolled back by itself. What cannot be rolled back ends with the connection.
    void rollback() override {
        sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        if (sqlite3_get_autocommit(connection_.get()) == 0) broken_ = true;
    }
    [[nodiscard]] Dialect dialect() const override { return Dialect::sqlite; }

    Result<void> run(const std::string& sql, std::string_view name) {
        const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return error(code, file_ + ": " + std::string(name));
        return {};
    }

    // Whether the last call failed for want of a file or of a right to it.
    [[nodiscard]] bool cannot_open() const {
        const int code = sqlite3_errcode(connection_.get()) & 0xff;
        return code == SQLITE_CANTOPEN || code == SQLITE_PERM || code == SQLITE_READONLY;
    }

  private:
    [[nodiscard]] std::string place(const Statement& statement) const {
        return file_ + ": " + std::string(statement.name);
    }

    [[nodiscard]] tl::unexpected<Error> error(int code, const std::string& place) {
        std::string detail = place + ": " + sqlite3_errmsg(connection_.get());
        if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
            detail += " (restore a backup with `gerve restore FILE`)";
        if ((code & 0xff) == SQLITE_CONSTRAINT) return fail(ErrorKind::client, "", detail);
        broken_ = broken_ || ends_connection(code);
        return unavailable(detail);
    }

    Result<sqlite3_stmt*> find_prepared(const Statement& statement) {
        if (auto here = check_file(false); !here) return pass_on(here);
        auto found = prepared_.find(statement.sql);
        if (found == prepared_.end()) {
            sqlite3_stmt* prepared = nullptr;
            const int code = sqlite3_prepare_v3(connection_.get(), statement.sql.data(),
                                                static_cast<int>(statement.sql.size()),
                                                SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
            if (code != SQLITE_OK) return error(code, place(statement));
            found = prepared_.emplace(std::string(statement.sql), Prepared(prepared)).first;
        }
        return found->second.get();
    }

    Result<sqlite3_stmt*> prepare(const Statement& statement, Binds binds) {
        const auto found = find_prepared(statement);
        if (!found) return found;
        sqlite3_stmt* prepared = *found;
        if (sqlite3_bind_parameter_count(prepared) != static_cast<int>(binds.size())) {
            return internal_error(place(statement) + ": the number of binds differs from the number of '?'");
        }
        int place_of_bind = 0;
        for (const Bind& bind : binds) {
            if (const int code = bind_one(prepared, ++place_of_bind, bind); code != SQLITE_OK) {
                return error(code, place(statement));
            }
        }
        return prepared;
    }

    // SQLite goes on reading a file that was unlinked: after a restore from a backup, authz would serve
    // yesterday's keys.
    Result<void> check_file(bool now) {
        if (!watch_) return {};
        auto here = watch_->look(connection_.get(), now);
        if (here) return here;
        // A reader has nothing that would be wrong in another file.
        if (mode_ == SqliteMode::read_only) here = open();
        broken_ = !here.has_value();
        return here;
    }

    Result<void> connect(SqliteOpening& opening);
    void close() {
        prepared_.clear();
        if (watch_) watch_->settle(connection_.get());
        connection_.reset();
        watch_.reset();
    }

    const std::string file_;
    const SqliteMode mode_;
    const std::chrono::milliseconds patience_;
    std::optional<SqliteWatch> watch_;  // outlives the connection
    Connection connection_;             // outlives what it prepared
    std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> prepared_;
};

// SQLite itself would make it 0644; its side files get the mode of the file. A file that is there is not
// opened: closing it again would release the locks that other connections of this process have on it
// (fcntl(2)), and the next process to end would take away the log they read and write.
Result<void> make_file(const std::string& file) {
    const Fd made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made && errno != EEXIST) return not_opened(file, true, errno_text("cannot create " + file));
    struct stat status {};
    if (made) give_to_owner_of_directory(made.get(), file);
    if (::lstat(file.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        return unavailable(file + " is a symbolic link");
    return {};
}

// `PRAGMA schema_version` reads the first page: a file that is no database is told at once.
constexpr const char* settings =
    "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA "
    "schema_version;";

// Damage that a cheap look finds; of a file that somebody put there.
Result<void> check_integrity(Sqlite& database) {
    const auto rows = database.query({"quick-check", "PRAGMA quick_check(1)"}, {});
    if (!rows) return pass_on(rows);
    const auto* answer = rows->empty() ? nullptr : std::get_if<std::string>(&rows->front().front());
    if (answer != nullptr && *answer == "ok") return {};
    return unavailable("quick_check: " + (answer == nullptr ? "no answer" : *answer));
}

Result<void> Sqlite::connect(SqliteOpening& opening) {
    const bool makes = mode_ == SqliteMode::read_write;
    const bool writes = mode_ != SqliteMode::read_only;
    // To a user who may not look, every file is gone.
    if (auto prepared = opening.prepare(makes); !prepared)
        return not_opened(file_, writes, prepared.error().detail);
    if (makes) {
        if (auto made = make_file(file_); !made) return made;
    }
    sqlite3* raw = nullptr;
    const int flags =
        (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(file_.c_str(), &raw, flags, nullptr);
    connection_.reset(raw);
    if (code != SQLITE_OK) return not_opened(file_, writes, file_ + ": " + sqlite3_errstr(code));
    if (auto same = opening.check(raw); !same) return same;
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_busy_timeout(raw, static_cast<int>(patience_.count()));
    if (auto ready = run(settings, "open"); !ready) {
        if (!cannot_open()) return ready;
        return not_opened(file_, writes, ready.error().detail);
    }
    if (opening.is_another()) {
        if (auto whole = check_integrity(*this); !whole)
            return unavailable(file_ + ": replaced by a damaged file: " + describe(whole.error()) +
                               "; restore a backup with `gerve restore FILE`");
    }
    return writes ? run("PRAGMA journal_mode = WAL", "open") : Result<void>{};
}

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const std::string& file, SqliteMode mode,
                                              std::chrono::milliseconds patience) {
    auto database = std::make_unique<Sqlite>(file, mode, patience);
    if (auto opened = database->open(); !opened) return pass_on(opened);
    return database;
}

}  // namespace gerve

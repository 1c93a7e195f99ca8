#include "authz/store/sqlite/sqlite_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/base/presence.h"
#include "authz/base/units.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"
#include "authz/store/sqlite/sqlite_file.h"

namespace gerve {
namespace {

constexpr std::chrono::milliseconds lock_patience{5'000};

constexpr Statement copy_all{"backup", "VACUUM INTO ?"};
constexpr Statement check_all{"integrity-check", "PRAGMA integrity_check(1)"};
constexpr Statement count_accounts{"count-accounts", "SELECT COUNT(*) FROM accounts"};
constexpr Statement count_keys{"count-keys", "SELECT COUNT(*) FROM public_keys"};

// A file that goes again unless it is kept, with what SQLite puts beside it.
class Draft {
  public:
    explicit Draft(std::string path) : path_(std::move(path)) {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        if (!made_) return;
        if (!kept_) ::unlink(path_.c_str());
        clean();
    }
    // Errors: client.
    Result<void> make() {
        const Fd made(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!made) return client_error(errno_text("cannot create " + path_));
        made_ = true;
        give_to_owner_of_directory(made.get(), path_);
        return {};
    }
    void clean() const {
        for (const char* end : {"-wal", "-shm", "-identity"}) ::unlink((path_ + end).c_str());
    }
    void keep() { kept_ = true; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool made_ = false;  // else it is somebody else's
    bool kept_ = false;
};

std::string directory_of(const std::string& path) {
    return path.substr(0, path.rfind('/') + 1) + ".";
}

Result<void> sync_file(const std::string& path) {
    for (const std::string& one : {path, directory_of(path)}) {
        const Fd file(::open(one.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file || ::fsync(file.get()) != 0) return unavailable(errno_text("cannot sync " + one));
    }
    return {};
}

Result<std::int64_t> count(Database& database, const Statement& statement) {
    const auto rows = database.query(statement, {});
    if (!rows) return pass_on(rows);
    const auto* number = rows->empty() ? nullptr : std::get_if<std::int64_t>(&rows->front().front());
    return number == nullptr ? std::int64_t{0} : *number;
}

// Errors: client (damaged), unavailable.
Result<void> check_whole(Database& database, const std::string& name) {
    const auto rows = database.query(check_all, {});
    if (!rows) return client_error(name + " is damaged: " + describe(rows.error()));
    const auto* answer = rows->empty() ? nullptr : std::get_if<std::string>(&rows->front().front());
    if (answer != nullptr && *answer == "ok") return {};
    return client_error(name + " is damaged: " + (answer == nullptr ? "" : *answer));
}

Result<BackupFacts> facts_of(Database& database) {
    const auto schema = read_schema_version(database);
    if (!schema) return pass_on(schema);
    const auto accounts = count(database, count_accounts);
    if (!accounts) return pass_on(accounts);
    const auto keys = count(database, count_keys);
    if (!keys) return pass_on(keys);
    return BackupFacts{*schema, *accounts, *keys, {}};
}

Result<void> copy_bytes(const std::string& from, const std::string& into) {
    const Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!in || ::fstat(in.get(), &status) != 0) return client_error(errno_text("cannot read " + from));
    if (!S_ISREG(status.st_mode)) return client_error(from + ": not a regular file");
    const Fd out(::open(into.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
    if (!out) return unavailable(errno_text("cannot write " + into));
    std::array<char, 65536> buffer{};
    while (true) {
        const ssize_t got = ::read(in.get(), buffer.data(), buffer.size());
        if (got < 0) return client_error(errno_text("cannot read " + from));
        if (got == 0) return {};
        if (::write(out.get(), buffer.data(), static_cast<std::size_t>(got)) != got)
            return unavailable(errno_text("cannot write " + into));
    }
}

// The copy of a backup is whole, and has the tables of this program. `name`: what the operator calls it.
Result<BackupFacts> make_ready(const std::string& copy, const std::string& name) {
    const auto database = open_sqlite(copy, SqliteMode::read_write_existing, lock_patience);
    if (!database) return client_error(name + ": " + describe(database.error()));
    if (auto whole = check_whole(**database, name); !whole) return pass_on(whole);
    const auto version = read_schema_version(**database);
    if (!version) return client_error(name + ": " + describe(version.error()));
    if (*version == 0) return client_error(name + " has no Gerve tables");
    if (auto migrated = migrate_schema(**database); !migrated) return pass_on(migrated);
    return facts_of(**database);
}

// What the database holds now, in a file of its own. Where it cannot be read any more: its file as it is.
Result<std::string> keep_former(const std::string& database, UnixMillis now) {
    const auto there = is_there(database);
    if (!there) return pass_on(there);
    if (!*there) return std::string();
    const auto free = free_name(database + ".before-" + file_stamp(now));
    if (!free) return free;
    const std::string& name = *free;
    if (backup_sqlite(database, name)) return name;
    if (::link(database.c_str(), name.c_str()) != 0)
        return unavailable(errno_text("cannot keep " + database + " as " + name));
    // What is in the log alone belongs to it.
    const std::string log = database + "-wal";
    if (::link(log.c_str(), (name + "-wal").c_str()) != 0 && errno != ENOENT)
        return unavailable(errno_text("cannot keep " + log));
    return name;
}

// Keeps writers out of the database of before while it is kept and replaced; nothing, where it cannot be
// opened.
class HeldBack {
  public:
    explicit HeldBack(const std::string& file) {
        auto opened = open_sqlite(file, SqliteMode::read_write_existing, lock_patience);
        if (!opened) return;
        database_ = std::move(*opened);
        if (auto begun = Transaction::begin(*database_)) transaction_.emplace(std::move(*begun));
    }

  private:
    std::unique_ptr<Database> database_;
    std::optional<Transaction> transaction_;
};

}  // namespace

Result<BackupFacts> backup_sqlite(const std::string& database, const std::string& into) {
    const auto taken = is_there(into);
    if (!taken) return pass_on(taken);
    if (*taken) return client_error(into + " already exists");
    Draft draft(into + ".part");
    if (auto made = draft.make(); !made) return pass_on(made);
    {
        const auto source = open_sqlite(database, SqliteMode::read_only, lock_patience);
        if (!source) return pass_on(source);
        const auto copied = (*source)->execute(copy_all, {std::string_view(draft.path())});
        if (!copied) return pass_on(copied);
    }
    Result<BackupFacts> facts = unavailable("not read yet");
    {
        const auto copy = open_sqlite(draft.path(), SqliteMode::read_only, lock_patience);
        if (!copy) return pass_on(copy);
        if (auto whole = check_whole(**copy, draft.path()); !whole) return pass_on(whole);
        facts = facts_of(**copy);
    }
    if (!facts) return facts;
    draft.clean();
    if (auto synced = sync_file(draft.path()); !synced) return pass_on(synced);
    if (::link(draft.path().c_str(), into.c_str()) != 0)
        return client_error(errno_text("cannot create " + into));
    if (auto synced = sync_file(into); !synced) return pass_on(synced);
    return facts;
}

Result<BackupFacts> restore_sqlite(const std::string& from, const std::string& database, UnixMillis now) {
    struct stat log {};
    if (::stat((from + "-wal").c_str(), &log) == 0 && log.st_size > 0)
        return client_error(from +
                            " has a write-ahead log beside it, so it is or was in use: restore a file that "
                            "`gerve backup` wrote");
    Draft draft(database + ".restoring-" + file_stamp(now));
    if (auto made = draft.make(); !made) return pass_on(made);
    if (auto copied = copy_bytes(from, draft.path()); !copied) return pass_on(copied);
    auto facts = make_ready(draft.path(), from);
    if (!facts) return facts;
    if (auto synced = sync_file(draft.path()); !synced) return pass_on(synced);
    const HeldBack held(database);
    auto former = keep_former(database, now);
    if (!former) return pass_on(former);
    if (auto replaced = replace_sqlite(database, draft.path(), lock_patience); !replaced)
        return pass_on(replaced);
    draft.keep();
    if (auto synced = sync_file(database); !synced) return pass_on(synced);
    facts->former = std::move(*former);
    return facts;
}

}  // namespace gerve

#include "authz/store/sqlite/sqlite_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "authz/base/clock.h"
#include "authz/base/key_file.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

constexpr std::int64_t look_interval = 1'000;  // ms
constexpr std::size_t header_size = 100;
constexpr std::size_t longest_record = 512;

std::optional<FileIdentity> identity_of(const std::string& path) {
    struct statx status {};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) != 0)
        return std::nullopt;
    const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
    const std::int64_t birth = status.stx_btime.tv_sec * 1'000'000'000 + status.stx_btime.tv_nsec;
    const std::uint64_t device = (std::uint64_t{status.stx_dev_major} << 32) | status.stx_dev_minor;
    return FileIdentity{device, status.stx_ino, has_birth ? birth : 0};
}

bool is_empty(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && status.st_size == 0;
}

// By SQLite's own descriptor: opening and closing another would release the process's locks (fcntl(2)).
std::optional<SqliteHeader> read_header(sqlite3* connection) {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file == nullptr || file->pMethods == nullptr)
        return std::nullopt;
    std::array<unsigned char, header_size> page{};
    if (file->pMethods->xRead(file, page.data(), static_cast<int>(page.size()), 0) != SQLITE_OK)
        return std::nullopt;
    const auto number = [&](std::size_t at) {
        return std::uint32_t{page[at]} << 24 | std::uint32_t{page[at + 1]} << 16 |
               std::uint32_t{page[at + 2]} << 8 | std::uint32_t{page[at + 3]};
    };
    return SqliteHeader{number(24), number(28), number(40)};
}

std::string remedy() {
    return ": restore a backup with `gerve restore FILE`";
}

}  // namespace

bool SqliteHeader::is_older_than(const SqliteHeader& before) const {
    return changes < before.changes || schema < before.schema ||
           (changes == before.changes && schema == before.schema && pages < before.pages);
}

struct SqliteWatch::Shared {
    std::atomic<bool> spoiled{false};
    std::atomic<bool> log_does_not_fit{false};

    // Of the connections to this file; a new one when there are none.
    static std::shared_ptr<Shared> of(const FileIdentity& file) {
        static std::mutex mutex;
        static std::map<std::pair<std::uint64_t, std::uint64_t>, std::weak_ptr<Shared>> known;
        const std::lock_guard lock(mutex);
        std::erase_if(known, [](const auto& one) { return one.second.expired(); });
        auto& place = known[{file.device, file.inode}];
        auto shared = place.lock();
        if (shared == nullptr) place = shared = std::make_shared<Shared>();
        return shared;
    }
};

tl::unexpected<Error> SqliteWatch::spoil(std::string why, Log log) {
    if (log == Log::does_not_fit) shared_->log_does_not_fit = true;
    if (!shared_->spoiled.exchange(true)) log::error("the database's files were changed", {{"why", why}});
    return unavailable(std::move(why));
}

Result<void> SqliteWatch::look(sqlite3* connection, bool now) {
    if (shared_ != nullptr && shared_->spoiled)
        return unavailable(file_ + ": its files were changed by something other than SQLite");
    if (!now && monotonic_now() - looked_at_ < look_interval) return {};
    looked_at_ = monotonic_now();
    return check(connection);
}

// Of a file that was replaced SQLite sees for itself that it is not to write into the new one.
void SqliteWatch::settle(sqlite3* connection) {
    if (connection == nullptr) return;
    if (identity_of(file_) == database_) (void)check(connection);
    if (shared_->log_does_not_fit)
        sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Result<void> SqliteWatch::check(sqlite3* connection) {
    const auto named = identity_of(file_);
    if (!named) return unavailable(file_ + ": the database file is missing" + remedy());
    if (named != database_) return unavailable(file_ + ": the database file was replaced");
    if (is_empty(file_)) {
        return spoil(file_ + ": the database file was truncated" + remedy(), Log::does_not_fit);
    }
    // Of a file that was just made they come later.
    if (!log_) log_ = identity_of(file_ + "-wal");
    if (!memory_) memory_ = identity_of(file_ + "-shm");
    if (auto fits = check_header(connection); !fits) return fits;
    if (log_ && identity_of(file_ + "-wal") != log_)
        return spoil(file_ + "-wal was removed or replaced while it was in use: the last changes may be lost",
                     Log::fits);
    if (memory_ && identity_of(file_ + "-shm") != memory_)
        return spoil(file_ + "-shm was removed or replaced while it was in use", Log::fits);
    return {};
}

// A connection may have seen less of the file than others: what they noted counts as well.
Result<void> SqliteWatch::check_header(sqlite3* connection) {
    auto header = read_header(connection);
    if (!header || *header == header_) return {};
    SqliteOpening noted(file_);
    const bool locked = noted.lock(std::chrono::milliseconds(0)).has_value();
    // Others note what they read under the lock: what was read before it may be older than their note.
    if (locked) header = read_header(connection);
    if (!header) return {};
    const auto last = locked ? noted.read() : std::nullopt;
    const bool known = last && last->database == database_;
    if (header->is_older_than(header_) || (known && header->is_older_than(last->header)))
        return spoil(file_ + ": the database file was overwritten in place" + remedy(), Log::does_not_fit);
    header_ = *header;
    if (locked) noted.write({*database_, log_.value_or(FileIdentity{}), header_});
    return {};
}

Result<SqliteOpening> SqliteOpening::begin(const std::string& file, std::chrono::milliseconds patience) {
    SqliteOpening opening(file);
    if (auto locked = opening.lock(patience); !locked) return pass_on(locked);
    opening.last_ = opening.read();
    return opening;
}

Result<void> SqliteOpening::lock(std::chrono::milliseconds patience) {
    const std::string path = sqlite_identity_file(file_);
    identity_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!identity_ && errno == ENOENT) {
        identity_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (identity_) give_to_owner_of_directory(identity_.get(), path);
    }
    if (!identity_) identity_ = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!identity_) return {};
    const std::int64_t deadline = monotonic_now() + patience.count();
    while (::flock(identity_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (monotonic_now() >= deadline)
            return unavailable(file_ + ": another process is opening it and has not finished");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return {};
}

std::optional<SqliteOpening::Record> SqliteOpening::read() const {
    std::string text(longest_record, '\0');
    const ssize_t got = identity_ ? ::pread(identity_.get(), text.data(), text.size(), 0) : 0;
    std::istringstream in(text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
    Record record;
    in >> record.database.device >> record.database.inode >> record.database.birth;
    in >> record.log.device >> record.log.inode >> record.log.birth;
    in >> record.header.changes >> record.header.pages >> record.header.schema;
    return in ? std::optional(record) : std::nullopt;
}

void SqliteOpening::write(const Record& record) const {
    std::ostringstream out;
    out << record.database.device << ' ' << record.database.inode << ' ' << record.database.birth << '\n';
    out << record.log.device << ' ' << record.log.inode << ' ' << record.log.birth << '\n';
    out << record.header.changes << ' ' << record.header.pages << ' ' << record.header.schema << '\n';
    std::string text = out.str();
    text.resize(std::max(text.size(), longest_record), ' ');
    (void)!::pwrite(identity_.get(), text.data(), text.size(), 0);
}

void SqliteOpening::put_log_aside() const {
    const std::string aside = file_ + "-wal." + std::to_string(unix_now() / 1000);
    (void)::rename((file_ + "-wal").c_str(), aside.c_str());
    (void)::unlink((file_ + "-shm").c_str());
    log::warn("the database file was replaced; the former file's write-ahead log was set aside",
              {{"file", file_}, {"kept", aside}});
}

Result<void> SqliteOpening::prepare(bool may_make) {
    found_ = identity_of(file_);
    if (!found_ && (last_ || !may_make))
        return unavailable(file_ + ": the database file is missing" + remedy());
    if (!last_ || !found_) return {};
    if (is_empty(file_)) return unavailable(file_ + ": the database file was truncated" + remedy());
    replaced_ = *found_ != last_->database;
    if (replaced_ && identity_of(file_ + "-wal") == last_->log) put_log_aside();
    return {};
}

Result<void> SqliteOpening::check(sqlite3* connection) {
    const auto named = identity_of(file_);
    if (found_ && named != found_) return unavailable(file_ + ": the database file was replaced just now");
    found_ = named;
    if (!named) return unavailable(file_ + ": the database file is missing" + remedy());
    if (SqliteWatch::Shared::of(*named)->spoiled)
        return unavailable(file_ + ": its files were changed; the previous connections are being closed");
    if (!last_ || replaced_) return {};
    const auto header = read_header(connection);
    const std::string log = file_ + "-wal";
    const bool has_log = identity_of(log) == last_->log && !is_empty(log);
    if (has_log && header && header->is_older_than(last_->header))
        return unavailable(file_ + ": overwritten in place while " + log +
                           " holds changes to the former file; neither is used" + remedy());
    return {};
}

SqliteWatch SqliteOpening::finish(sqlite3* connection) {
    SqliteWatch watch;
    watch.file_ = file_;
    watch.database_ = found_;
    watch.log_ = identity_of(file_ + "-wal");
    watch.memory_ = identity_of(file_ + "-shm");
    watch.header_ = read_header(connection).value_or(SqliteHeader{});
    watch.looked_at_ = monotonic_now();
    watch.shared_ = SqliteWatch::Shared::of(*found_);
    const Record record{*found_, watch.log_.value_or(FileIdentity{}), watch.header_};
    const bool changed = !last_ || last_->database != record.database || last_->log != record.log ||
                         last_->header != record.header;
    if (identity_ && changed) write(record);
    if (replaced_)
        log::warn("the database file was replaced; the new file is in use",
                  {{"file", file_}, {"next time", "`gerve restore FILE` while this runs"}});
    return watch;
}

// A crash in between leaves the former log beside the new file, which the next one to open it finds out.
Result<void> SqliteOpening::replace(const std::string& with) {
    if (::rename(with.c_str(), file_.c_str()) != 0) return unavailable(errno_text("cannot replace " + file_));
    (void)::unlink((file_ + "-wal").c_str());
    (void)::unlink((file_ + "-shm").c_str());
    const auto named = identity_of(file_);
    if (named && identity_) write({*named, FileIdentity{}, SqliteHeader{}});
    return {};
}

Result<void> replace_sqlite(const std::string& file, const std::string& with,
                            std::chrono::milliseconds patience) {
    auto opening = SqliteOpening::begin(file, patience);
    if (!opening) return pass_on(opening);
    return opening->replace(with);
}

}  // namespace gerve

#include "gerve/agent/lfs/locks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "authz/base/digest.h"
#include "authz/base/text.h"
#include "gerve/agent/lfs/request.h"
#include "gerve/agent/repository/directory_reader.h"

namespace gerve::lfs {
namespace {

constexpr std::string_view first_line = "gerve-lfs-lock-v1";
constexpr const char* locks_name = "locks";
constexpr const char* aside_name = "incoming";
constexpr std::size_t id_size = 32;
constexpr std::size_t max_file = max_locked_path + 4096;

// Those who change locks do so one after another; who dies leaves none behind.
class Turn {
  public:
    explicit Turn(const Fd& locks) : locks_(locks) { held_ = lock_file(locks, LOCK_EX); }
    ~Turn() {
        if (held_) ::flock(locks_.get(), LOCK_UN);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    [[nodiscard]] bool held() const { return held_; }

  private:
    const Fd& locks_;
    bool held_ = false;
};

std::optional<Lock> read_lock(const Fd& locks, const std::string& id) {
    const Fd file(::openat(locks.get(), id.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) return std::nullopt;
    const auto content = read_open_file(file, id, max_file);
    return content ? parse_lock(id, *content) : std::nullopt;
}

// The ids from `from` on, in order.
std::vector<std::string> lock_ids(const Fd& locks, std::string_view from = {}) {
    std::vector<std::string> ids;
    DirectoryReader reader(locks, ".");
    while (const dirent* entry = reader.is_open() ? reader.next() : nullptr) {
        if (may_be_lock_id(entry->d_name) && entry->d_name >= from) ids.emplace_back(entry->d_name);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

Result<void> write_lock(const Places& places, const Fd& locks, const Lock& lock, bool replace) {
    const auto aside = places.make(aside_name);
    if (!aside) return pass_on(aside);
    auto file = AsideFile::make(*aside, "lock");
    if (!file) return pass_on(file);
    const std::string content = encode_lock(lock);
    const ssize_t put = ::write(file->file().get(), content.data(), content.size());
    if (put < 0) return disk_error("cannot write the lock");
    if (static_cast<std::size_t>(put) < content.size()) {
        errno = ENOSPC;
        return disk_error("cannot write the lock");
    }
    places.set_file_mode(file->file());
    if (::fsync(file->file().get()) != 0) return disk_error("cannot sync the lock");
    errno = file->move(locks, lock.id, replace);
    if (errno != 0 || ::fsync(locks.get()) != 0) return disk_error("cannot store the lock");
    return {};
}

}  // namespace

bool may_be_lock_id(std::string_view text) {
    return text.size() == id_size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string lock_id(std::string_view path) {
    return to_hex(sha256(path)).substr(0, id_size);
}

std::string encode_lock(const Lock& lock) {
    return std::string(first_line) + "\nsince " + std::to_string(lock.since) + "\nholder " + lock.holder.id +
           "\nname " + lock.holder.name + "\npath " + lock.path + "\n";
}

std::optional<Lock> parse_lock(std::string_view id, std::string_view content) {
    const auto lines = split(content, '\n');
    if (lines.size() != 6 || lines[0] != first_line || !lines[5].empty()) return std::nullopt;
    constexpr std::array<std::string_view, 4> keys{"since ", "holder ", "name ", "path "};
    std::array<std::string_view, 4> values;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (!lines[i + 1].starts_with(keys[i])) return std::nullopt;
        values[i] = lines[i + 1].substr(keys[i].size());
    }
    const auto since = parse_decimal(values[0]);
    if (!since || *since > std::uint64_t{1} << 53 || values[1].empty() || !may_be_locked(values[3]) ||
        lock_id(values[3]) != id)
        return std::nullopt;
    return Lock{std::string(id),
                std::string(values[3]),
                static_cast<UnixMillis>(*since),
                {std::string(values[1]), printable(values[2])}};
}

Result<LockOutcome> make_lock(const Places& places, std::string_view path, const LockHolder& holder) {
    const auto locks = places.make(locks_name);
    if (!locks) return pass_on(locks);
    Lock lock{lock_id(path), std::string(path), unix_now(), holder};
    const Turn turn(*locks);
    if (!turn.held()) return disk_error("cannot lock");
    if (auto taken = read_lock(*locks, lock.id)) return LockOutcome{std::move(*taken), false};
    if (lock_ids(*locks).size() >= max_locks)
        return fail(ErrorKind::denied, "this repository has " + std::to_string(max_locks) +
                                           " locks, the maximum: remove some with git lfs unlock, or ask an "
                                           "administrator to (gerve lfs unlock)");
    if (auto made = write_lock(places, *locks, lock, false); !made) return pass_on(made);
    return LockOutcome{std::move(lock), true};
}

std::optional<Lock> find_lock(const Places& places, const std::string& id) {
    const Fd locks = places.open(locks_name);
    if (!locks) return std::nullopt;
    return read_lock(locks, id);
}

Result<std::optional<Lock>> remove_lock(const Places& places, const std::string& id,
                                        const std::function<bool(const Lock&)>& may) {
    const Fd locks = places.open(locks_name);
    if (!locks) return std::nullopt;
    const Turn turn(locks);
    if (!turn.held()) return disk_error("cannot unlock");
    auto lock = read_lock(locks, id);
    if (!lock) return std::nullopt;
    if (!may(*lock)) return client_error("held by " + lock->holder.name);
    if (::unlinkat(locks.get(), id.c_str(), 0) != 0 || ::fsync(locks.get()) != 0)
        return disk_error("cannot remove the lock");
    return lock;
}

void rename_holder(const Places& places, const LockHolder& holder) {
    const auto has_old_name = [&](const Lock& lock) {
        return lock.holder.id == holder.id && lock.holder.name != holder.name;
    };
    for (const Lock& known : list_locks(places)) {
        if (!has_old_name(known)) continue;
        const Fd locks = places.open(locks_name);
        if (!locks) return;
        const Turn turn(locks);
        auto lock = turn.held() ? read_lock(locks, known.id) : std::nullopt;
        if (!lock || !has_old_name(*lock)) continue;
        lock->holder.name = holder.name;
        // The next session of the holder tries again.
        if (!write_lock(places, locks, *lock, true)) return;
    }
}

std::vector<Lock> list_locks(const Places& places) {
    return list_page(places, "", std::numeric_limits<std::size_t>::max()).locks;
}

LockPage list_page(const Places& places, std::string_view from, std::size_t most) {
    LockPage page;
    const Fd locks = places.open(locks_name);
    if (!locks) return page;
    for (const std::string& id : lock_ids(locks, from)) {
        auto lock = read_lock(locks, id);
        if (!lock) continue;
        if (page.locks.size() == most) {
            page.next = id;
            break;
        }
        page.locks.push_back(std::move(*lock));
    }
    return page;
}

}  // namespace gerve::lfs

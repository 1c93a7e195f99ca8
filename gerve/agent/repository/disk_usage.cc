#include "gerve/agent/repository/disk_usage.h"

#include <fts.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>

#include "authz/base/fd.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

struct EndWalk {
    void operator()(FTS* walk) const { ::fts_close(walk); }
};
using Walk = std::unique_ptr<FTS, EndWalk>;

Result<void> after_walk(const std::string& path, const std::error_code& error) {
    if (!error || error == std::errc::no_such_file_or_directory) return {};
    return internal_error("cannot measure " + path + ": " + error.message());
}

}  // namespace

// Not the iterators of the library: they end where a directory is removed before its turn.
Result<std::uint64_t> measure_disk_usage(const std::string& path) {
    constexpr std::uint64_t block = 512;  // the unit of st_blocks (stat(2))
    std::string root = path;
    std::array<char*, 2> roots{root.data(), nullptr};
    const Walk walk(::fts_open(roots.data(), FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, nullptr));
    if (!walk) return unavailable(errno_text("cannot measure " + path));
    std::uint64_t bytes = 0;
    errno = 0;
    while (const FTSENT* entry = ::fts_read(walk.get())) {
        const bool failed =
            entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR;
        const bool gone = entry->fts_errno == ENOENT && entry->fts_level > FTS_ROOTLEVEL;
        if (failed && !gone) {
            errno = entry->fts_errno;
            return unavailable(errno_text("cannot measure " + std::string(entry->fts_path)));
        }
        const bool counts = !failed && entry->fts_info != FTS_DP && entry->fts_level > FTS_ROOTLEVEL;
        if (counts) bytes += static_cast<std::uint64_t>(entry->fts_statp->st_blocks) * block;
        errno = 0;
    }
    if (errno != 0) return unavailable(errno_text("cannot measure " + path));
    return bytes;
}

Result<std::uint64_t> KnownUsage::of(const std::string& path, std::chrono::milliseconds oldest) {
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(path);
        if (known != known_.end() && steady_clock::now() - known->second.since <= oldest)
            return known->second.bytes;
    }
    const auto bytes = measure_disk_usage(path);
    if (bytes) remember(path, *bytes);
    return bytes;
}

void KnownUsage::remember(const std::string& path, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most) known_.clear();
    known_.insert_or_assign(path, Known{bytes, steady_clock::now()});
}

std::optional<std::uint64_t> KnownUsage::last(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(path);
    return known == known_.end() ? std::nullopt : std::optional(known->second.bytes);
}

Result<std::uint64_t> KnownUsage::of_all_in(const std::string& directory, std::chrono::milliseconds oldest) {
    std::uint64_t all = 0;
    std::error_code error;
    for (fs::directory_iterator next(directory, error), end; !error && next != end; next.increment(error)) {
        if (next->path().extension() != ".git") continue;
        const auto bytes = of(next->path().string(), oldest);
        if (!bytes && !next->exists(error)) continue;  // it is gone, by another name or for good
        if (!bytes) return bytes;
        all += *bytes;
    }
    if (auto walked = after_walk(directory, error); !walked) return pass_on(walked);
    remember(directory, all);
    return all;
}

}  // namespace gerve

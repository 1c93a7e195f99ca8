#include "gerve/agent/repository/disk_usage.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "authz/base/fd.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

Result<void> after_walk(const std::string& path, const std::error_code& error) {
    if (!error || error == std::errc::no_such_file_or_directory) return {};
    return internal_error("cannot measure " + path + ": " + error.message());
}

}  // namespace

Result<std::uint64_t> measure_disk_usage(const std::string& path) {
    constexpr std::uint64_t block = 512;  // the unit of st_blocks (stat(2))
    std::uint64_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator next(path, error), end; !error && next != end;
         next.increment(error)) {
        struct stat status {};
        if (::lstat(next->path().c_str(), &status) == 0) {
            bytes += static_cast<std::uint64_t>(status.st_blocks) * block;
        } else if (errno != ENOENT) {
            return unavailable(errno_text("cannot measure " + next->path().string()));
        }
    }
    if (auto walked = after_walk(path, error); !walked) return pass_on(walked);
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
        if (!bytes) return bytes;
        all += *bytes;
    }
    if (auto walked = after_walk(directory, error); !walked) return pass_on(walked);
    remember(directory, all);
    return all;
}

}  // namespace gerve

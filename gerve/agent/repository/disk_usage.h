// How much of the disk repositories use.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "authz/base/result.h"

namespace gerve {

// Bytes on the disk of all files below a directory. Files come and go meanwhile. Error: unavailable, also
// when there is no such directory.
[[nodiscard]] Result<std::uint64_t> measure_disk_usage(const std::string& path);

// What repositories used when they were last measured. Any thread may call it.
class KnownUsage {
  public:
    // Measured now, unless it is known and not older. Errors: as measure_disk_usage.
    [[nodiscard]] Result<std::uint64_t> of(const std::string& path, std::chrono::milliseconds oldest);
    // Of a repository, or of all in a directory, as it was last measured, however long ago; nothing: never.
    [[nodiscard]] std::optional<std::uint64_t> last(const std::string& path) const;
    // That of all repositories (names that end in ".git") in a directory. Errors: as of(), internal.
    [[nodiscard]] Result<std::uint64_t> of_all_in(const std::string& directory,
                                                  std::chrono::milliseconds oldest);

  private:
    struct Known {
        std::uint64_t bytes;
        std::chrono::steady_clock::time_point since;
    };
    static constexpr std::size_t most = 100'000;  // then all are forgotten

    void remember(const std::string& path, std::uint64_t bytes);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Known> known_;  // by the path of the repository, or of its directory
};

}  // namespace gerve

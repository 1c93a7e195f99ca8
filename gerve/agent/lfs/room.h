// How much more large files may take in a repository: by its limits, and by what the disk has already.
#pragma once

#include <cstdint>
#include <string>

#include "authz/model/repo_path.h"
#include "authz/model/size_limits.h"
#include "gerve/agent/lfs/places.h"
#include "gerve/agent/repository/layout.h"

namespace gerve::lfs {

// What the sessions of a repository take together is written down in lfs/incoming/usage, so that eight
// uploads at once do not each take what is left. It is measured again when it is old, and before anything is
// refused; objects that are being received count with the sizes that were declared.
class Room {
  public:
    // `limits.push` is not used; nor is `limits.owner` where the layout does not keep what an owner has
    // together.
    Room(SizeLimits limits, Layout layout, RepoPath repo);

    // Nobody else counts while what it returns is open: keep it until the IncomingObject is begun. Error:
    // denied (`told` says which limit is met, and what to do), as disk_error, as measure_disk_usage.
    [[nodiscard]] Result<Fd> take(const Places& places, std::uint64_t bytes) const;
    // An object did not come: it counts until the next measuring, which is before anything is refused.
    void give_back(const Places& places) const;
    // Whether so much would fit, as far as is known. Errors: as take().
    [[nodiscard]] Result<void> look(const Places& places, std::uint64_t bytes) const;

  private:
    struct Known {
        std::uint64_t repository = 0;
        std::uint64_t owner = 0;
        std::int64_t since = 0;  // Unix milliseconds
    };
    [[nodiscard]] bool limited() const;
    [[nodiscard]] Result<Known> measure(const Places& places) const;
    [[nodiscard]] Result<void> check(const Known& known, std::uint64_t bytes) const;
    [[nodiscard]] Result<Known> known_with_room(const Places& places, const Fd& file,
                                                std::uint64_t bytes) const;

    static Known read(const Fd& file);
    static void write(const Fd& file, const Known& known);

    SizeLimits limits_;
    RepoPath repo_;
};

}  // namespace gerve::lfs

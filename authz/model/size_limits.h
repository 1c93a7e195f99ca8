// How much may be pushed, and kept.
#pragma once

#include <cstdint>

namespace gerve {

// In bytes; 0: no limit.
struct SizeLimits {
    std::uint64_t push = 0;        // the pack of one push
    std::uint64_t repository = 0;  // on the disk
    std::uint64_t owner = 0;       // all repositories of one owner, on the disk of their file server

    [[nodiscard]] bool any() const { return push != 0 || repository != 0 || owner != 0; }
    [[nodiscard]] bool operator==(const SizeLimits&) const = default;
};

}  // namespace gerve

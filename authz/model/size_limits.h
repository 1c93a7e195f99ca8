// How much may be pushed, and kept.
#pragma once

#include <cstdint>
#include <optional>

namespace gerve {

// In bytes; 0: no limit.
struct SizeLimits {
    std::uint64_t push = 0;        // the pack of one push
    std::uint64_t repository = 0;  // on the disk
    std::uint64_t owner = 0;       // all repositories of one owner, on the disk of their file server

    [[nodiscard]] bool any() const { return push != 0 || repository != 0 || owner != 0; }
    [[nodiscard]] bool operator==(const SizeLimits&) const = default;
};

// Limits of one account or one repository, which replace those that hold in general; nothing: no
// replacement. At most max_size_limit.
struct OwnSizeLimits {
    std::optional<std::uint64_t> push;
    std::optional<std::uint64_t> repository;
    std::optional<std::uint64_t> owner;  // of accounts alone

    [[nodiscard]] bool any() const { return push || repository || owner; }
    [[nodiscard]] bool operator==(const OwnSizeLimits&) const = default;

    [[nodiscard]] SizeLimits over(const SizeLimits& general) const {
        return {push.value_or(general.push), repository.value_or(general.repository),
                owner.value_or(general.owner)};
    }
};

// git takes sizes as signed numbers.
inline constexpr std::uint64_t max_size_limit = std::uint64_t{1} << 62;

}  // namespace gerve

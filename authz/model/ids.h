// Strong types for the numbers that name rows of the directory.
#pragma once

#include <compare>
#include <cstdint>

namespace gerve {

enum class AccountId : std::int64_t {};
enum class AuthorityId : std::int64_t {};  // of certificates
enum class KeyId : std::int64_t {};
enum class RepoId : std::int64_t {};

template <class Id>
[[nodiscard]] constexpr std::int64_t number_of(Id id) {
    return static_cast<std::int64_t>(id);
}

}  // namespace gerve

// Inserting many rows by few statements: groups of a few fixed sizes, and one by one where a group is
// refused.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// Rows of one statement. Few sizes, since each is prepared by itself.
inline constexpr std::array<std::size_t, 4> row_group_sizes{128, 32, 8, 1};

// `into`, `one` repeated `count` times with commas between, `behind`.
[[nodiscard]] inline std::string insert_text(std::string_view into, std::string_view one, std::size_t count,
                                             std::string_view behind) {
    std::string text(into);
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += ", ";
        text += one;
    }
    return text += behind;
}

// `insert(at, count)` inserts some of `size`, all of them or none; where one of them is refused (an error of
// kind client), they are tried one by one, and `refused(at, error)` is called for those that are refused
// alone. Any other error ends the run.
template <class Insert, class Refused>
[[nodiscard]] Result<void> insert_by_groups(std::size_t size, const Insert& insert, const Refused& refused) {
    for (std::size_t at = 0; at < size;) {
        const std::size_t left = size - at;
        const std::size_t count = *std::find_if(row_group_sizes.begin(), row_group_sizes.end(),
                                                [&](std::size_t one) { return one <= left; });
        const Result<void> inserted = insert(at, count);
        if (!inserted && inserted.error().kind != ErrorKind::client) return inserted;
        if (!inserted && count == 1) refused(at, inserted.error());
        for (std::size_t i = 0; !inserted && count > 1 && i < count; ++i) {
            const Result<void> alone = insert(at + i, 1);
            if (!alone && alone.error().kind != ErrorKind::client) return alone;
            if (!alone) refused(at + i, alone.error());
        }
        at += count;
    }
    return {};
}

}  // namespace gerve

// What the limit of open files lets an agent do at once: so many connections, and so many operations.
#pragma once

#include <algorithm>
#include <cstddef>

namespace gerve {

struct DescriptorBudget {
    // Of the process itself: streams, event loops, signals, and the listeners of each thread.
    static constexpr std::size_t own = 32;
    static constexpr std::size_t per_lane = 8;
    static constexpr std::size_t per_disk_thread = 3;
    // Beside its connection: three pipes, the process's own descriptor, and the far ends while it starts.
    static constexpr std::size_t per_operation = 5;

    unsigned connections = 0;
    unsigned operations = 0;
    unsigned disk_threads = 0;

    // Half of what is left may be connections, of which the most wait for their turn then; the operations
    // have the other half for themselves. Whatever the limit, one of each fits in.
    [[nodiscard]] static DescriptorBudget from(std::size_t limit, unsigned lanes) {
        const std::size_t taken = own + per_lane * lanes;
        const std::size_t free = limit > taken ? limit - taken : 0;
        const std::size_t disk = std::clamp<std::size_t>(free / 16, 2, 64);
        const std::size_t left = free > disk * per_disk_thread ? free - disk * per_disk_thread : 0;
        const auto at_least_one = [](std::size_t count) {
            return static_cast<unsigned>(std::clamp<std::size_t>(count, 1, 1'000'000));
        };
        return {at_least_one(left / 2), at_least_one(left / 2 / per_operation), static_cast<unsigned>(disk)};
    }
};

}  // namespace gerve

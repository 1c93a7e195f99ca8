// Bulkheads: how many of authz's threads statements of one kind may hold once they are slow.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "authz/store/turns.h"

namespace gerve {

// As long as its statements are quick, a kind takes as many threads as there are. One that ran longer than
// `slow_after` makes its kind slow: so many of that kind may then run at once beside those that are stalled,
// and so many may be stalled. The kind is quick again when one of its statements was and none is stalled.
class Bulkheads {
  public:
    // `freed` is called when a statement of a slow kind may run that might not before: how many.
    Bulkheads(unsigned threads, std::chrono::milliseconds slow_after, std::function<void(unsigned)> freed);

    class Seat;

    // Whether take() would say yes.
    [[nodiscard]] bool is_free(StatementKind kind) const;
    [[nodiscard]] bool is_slow(StatementKind kind) const { return at(kind).slow; }
    // A question of this kind waits for its turn, or no longer.
    void count_waiting(StatementKind kind, int change) { at(kind).waiting += static_cast<unsigned>(change); }

  private:
    struct Kind {
        std::atomic<unsigned> running{0};  // not stalled
        std::atomic<unsigned> stalled{0};  // for longer than slow_after, and not given up
        std::atomic<unsigned> waiting{0};
        std::atomic<bool> slow{false};
        std::atomic<std::int64_t> quiet{0};  // monotonic_now() until which it is not logged again
        std::atomic<bool> logged{false};     // that it is slow, and not yet that it is quick again
    };
    [[nodiscard]] Kind& at(StatementKind kind) { return kinds_[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const Kind& at(StatementKind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
    void note_slow(StatementKind kind);
    void note_quick(StatementKind kind);
    void tell_free(StatementKind kind);

    const unsigned share_;
    const std::int64_t slow_after_;  // ms
    const std::function<void(unsigned)> freed_;
    std::array<Kind, statement_kind_count> kinds_;
};

// What one thread runs now; the watchdog looks at it meanwhile.
class Bulkheads::Seat final : public Turns {
  public:
    explicit Seat(Bulkheads& all) : all_(all) {}
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    [[nodiscard]] bool take(StatementKind kind) override;
    void give_back() override;

    // By the watchdog. Whether the statement that runs is stalled.
    [[nodiscard]] bool look(std::int64_t now);
    // By the watchdog: the statement counts no more, whenever it ends.
    void give_up();

  private:
    // The time in milliseconds, the kind, and what the watchdog made of it; 0: nothing runs.
    static constexpr std::uint64_t stalled_bit = 1;
    static constexpr std::uint64_t given_up_bit = 2;
    [[nodiscard]] static StatementKind kind_of(std::uint64_t state) {
        return static_cast<StatementKind>(state >> 2 & 0x3f);
    }
    [[nodiscard]] static std::int64_t since(std::uint64_t state) {
        return static_cast<std::int64_t>(state >> 8);
    }

    Bulkheads& all_;
    std::atomic<std::uint64_t> state_{0};
};

}  // namespace gerve

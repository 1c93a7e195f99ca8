// The queue in front of git: so many processes start at once, so many run at once, and the rest waits its
// turn.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <tl/expected.hpp>
#include <utility>

#include "gerve/agent/admission/operation_count.h"
#include "gerve/loop/timer.h"

namespace gerve {

// What holds for one operation that asks for its turn.
struct TurnLimits {
    OperationLimits operations;  // of the agent
    unsigned max_starting = 0;   // of this gate
    std::chrono::milliseconds patience{0};
};

// One per thread; the count of running operations is the agent's. Turns come in the order of arrival, but an
// owner, an account or a key at its limit holds up nobody else. Of one account so many may wait at a gate as
// four times its limit: more would only make the others' turns slow to find.
class Gate {
  public:
    Gate(asio::io_context& loop, OperationCount& count) : loop_(loop), count_(count), retry_(loop) {}

    // The right to run one operation, until it is destroyed.
    class Turn {
      public:
        Turn(Turn&& other) noexcept;
        Turn& operator=(Turn&&) = delete;
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn();
        // The operation is under way: somebody else may start.
        void started();

      private:
        friend class Gate;
        Turn(Gate& gate, Claimant claimant) : gate_(&gate), claimant_(std::move(claimant)) {}
        Gate* gate_;
        Claimant claimant_;
        bool starting_ = true;
    };

    // Why there is no turn: it did not come in time, and by which limit at last.
    using Entered = tl::expected<Turn, OperationCount::Verdict>;
    [[nodiscard]] asio::awaitable<Entered> enter(Claimant claimant, TurnLimits limits);

    [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

  private:
    struct Waiter {
        Waiter(asio::io_context& loop, const Claimant& who, const TurnLimits& with)
            : claimant(who), limits(with), timer(loop, with.patience) {}
        const Claimant& claimant;
        const TurnLimits& limits;
        asio::steady_timer timer;
        OperationCount::Verdict verdict = OperationCount::Verdict::full;
    };
    [[nodiscard]] OperationCount::Verdict try_begin(const Claimant& claimant, const TurnLimits& limits);
    [[nodiscard]] bool too_many_wait(const Claimant& claimant, const TurnLimits& limits) const;
    void admit_waiters();

    asio::io_context& loop_;
    OperationCount& count_;
    unsigned starting_ = 0;
    std::list<Waiter*> waiters_;
    Timer retry_;  // operations that end on another thread wake nobody here
};

}  // namespace gerve

// The queue in front of git: so many processes start at once, so many run at once, and the rest waits its
// turn.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "gerve/agent/operation_count.h"
#include "gerve/agent/waiting.h"

namespace gerve {

// What holds for one operation that asks for its turn.
struct TurnLimits {
    unsigned max_operations = 0;            // of the agent
    unsigned max_operations_per_owner = 0;  // 0: none
    unsigned max_starting = 0;              // of this gate
    std::chrono::milliseconds patience{0};
};

// One per thread; the count of running operations is the agent's. Turns come in the order of arrival, but an
// owner at its maximum holds up nobody else.
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
        Turn(Gate& gate, std::string owner) : gate_(&gate), owner_(std::move(owner)) {}
        Gate* gate_;
        std::string owner_;
        bool starting_ = true;
    };

    // Nothing when the turn did not come in time. `owner` is folded.
    [[nodiscard]] asio::awaitable<std::optional<Turn>> enter(std::string owner, TurnLimits limits);

    [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

  private:
    struct Waiter {
        Waiter(asio::io_context& loop, const std::string& name, const TurnLimits& with)
            : owner(name), limits(with), timer(loop, with.patience) {}
        const std::string& owner;
        const TurnLimits& limits;
        asio::steady_timer timer;
        bool admitted = false;
    };
    [[nodiscard]] bool try_begin(const std::string& owner, const TurnLimits& limits, bool& full);
    void admit_waiters();

    asio::io_context& loop_;
    OperationCount& count_;
    unsigned starting_ = 0;
    std::list<Waiter*> waiters_;
    Deadline retry_;  // operations that end on another thread wake nobody here
};

}  // namespace gerve

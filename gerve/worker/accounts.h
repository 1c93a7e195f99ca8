// Accounts: what each key and each account has at a worker, and that none has more than its share.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "authz/limits_config.h"
#include "authz/model/principal.h"

namespace gerve {

class Accounts {
  public:
    using Clock = std::chrono::steady_clock;
    // A connection on which nothing runs is idle after this time: clients log in first and ask then.
    static constexpr std::chrono::seconds idle_after{10};

    // What counts apart: a push waits for the sessions that its client's git-lfs opens, so neither may take
    // the places of the other.
    enum class Kind { git, lfs };

    // `gateway`: the limits of all workers together, of which there are so many.
    Accounts(const AccountLimits& gateway, unsigned workers)
        : gateway_(gateway), limits_(gateway.share_of(workers)) {}
    Accounts(const Accounts&) = delete;
    Accounts& operator=(const Accounts&) = delete;
    Accounts(Accounts&&) = default;  // before anybody has come

  private:
    struct Holder {
        unsigned connections = 0;
        std::array<unsigned, 2> operations{};  // by Kind
        unsigned idle = 0;                     // of the round of trim()
    };
    using Holders = std::map<std::string, Holder>;
    struct Guest {
        Holders::iterator key;
        Holders::iterator account;
        std::function<void(const std::string&)> cut;
        unsigned operations = 0;
        Clock::time_point quiet_since{};
    };
    using Guests = std::list<Guest>;

  public:
    // Why not, as a line for the client that says the limit and what to do.
    template <class T>
    using Admitted = tl::expected<T, std::string>;

    // A running operation, until it is destroyed. The connection outlives it.
    class Operation {
      public:
        Operation(Operation&& other) noexcept
            : accounts_(std::exchange(other.accounts_, nullptr)), guest_(other.guest_), kind_(other.kind_) {}
        Operation& operator=(Operation&&) = delete;
        ~Operation();

      private:
        friend class Accounts;
        Operation(Accounts& accounts, Guests::iterator guest, Kind kind)
            : accounts_(&accounts), guest_(guest), kind_(kind) {}
        Accounts* accounts_;
        Guests::iterator guest_;
        Kind kind_;
    };

    // A connection on which somebody is logged in, until it is destroyed. `Accounts` outlives it.
    class Connection {
      public:
        Connection(Connection&& other) noexcept
            : accounts_(std::exchange(other.accounts_, nullptr)), guest_(other.guest_) {}
        Connection& operator=(Connection&&) = delete;
        ~Connection();
        // Of Git LFS there may be lfs_sessions for each operation of git.
        [[nodiscard]] Admitted<Operation> begin(Kind kind);

      private:
        friend class Accounts;
        Connection(Accounts& accounts, Guests::iterator guest) : accounts_(&accounts), guest_(guest) {}
        Accounts* accounts_;
        Guests::iterator guest_;
    };

    // `cut` ends the connection with a text, when it is one idle connection too many; called once at most.
    [[nodiscard]] Admitted<Connection> enter(const KnownKey& key, std::function<void(const std::string&)> cut,
                                             Clock::time_point now = Clock::now());

    // Ends what is idle beyond the limits, the longest idle first. To be called every few seconds.
    void trim(Clock::time_point now = Clock::now());

    [[nodiscard]] std::size_t connections() const { return guests_.size(); }

  private:
    void leave(Guests::iterator guest);
    void end(Guests::iterator guest, Kind kind, Clock::time_point now);

    AccountLimits gateway_;  // as texts tell them
    AccountLimits limits_;
    Holders keys_;
    Holders accounts_;
    Guests guests_;
};

}  // namespace gerve

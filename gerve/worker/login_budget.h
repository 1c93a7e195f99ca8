// LoginBudget: processor time that one source may cost before anybody has logged in.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

namespace gerve {

// Each source (an IPv4 address, an IPv6 /64) has an amount of time that it may cost at once, and that refills
// slowly. What a connection cost that did log in is given back: a build farm behind one address is not
// bounded by it. Not thread-safe; each worker has its own.
class LoginBudget {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds at_once{3'000};
    static constexpr unsigned refill_part = 5;  // a fifth of real time

    // Whether the source has anything left; a refusal for the client otherwise, which says when to come back.
    [[nodiscard]] std::string refusal(const std::string& address, Time now) const;
    void spend(const std::string& address, std::chrono::nanoseconds cost, Time now);
    void give_back(const std::string& address, std::chrono::nanoseconds cost);
    [[nodiscard]] std::size_t sources() const { return by_source_.size(); }  // that have not refilled

  private:
    struct Account {
        std::chrono::nanoseconds owed{0};
        Time at{};
    };
    [[nodiscard]] static std::chrono::nanoseconds owed(const Account& account, Time now);
    void forget_refilled(Time now);

    std::unordered_map<std::string, Account> by_source_;
    std::size_t forget_at_ = 1024;
};

}  // namespace gerve

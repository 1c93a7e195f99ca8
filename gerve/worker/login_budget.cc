#include "gerve/worker/login_budget.h"

#include <algorithm>

#include "authz/base/address.h"

namespace gerve {

using std::chrono::nanoseconds;
using std::chrono::seconds;

nanoseconds LoginBudget::owed(const Account& account, Time now) {
    return std::max(nanoseconds(0), account.owed - nanoseconds(now - account.at) / refill_part);
}

std::string LoginBudget::refusal(const std::string& address, Time now) const {
    const std::string source = source_of(address);
    const auto account = by_source_.find(source);
    if (account == by_source_.end()) return "";
    const nanoseconds too_much = owed(account->second, now) - nanoseconds(at_once);
    if (too_much < nanoseconds(0)) return "";
    const auto wait = std::chrono::duration_cast<seconds>(too_much * refill_part) + seconds(1);
    return "Failed logins from " + source + " used too much CPU time. Try again in " +
           std::to_string(wait.count()) + " s.";
}

void LoginBudget::spend(const std::string& address, nanoseconds cost, Time now) {
    if (by_source_.size() >= forget_at_) forget_refilled(now);
    Account& account = by_source_[source_of(address)];
    account.owed = owed(account, now) + cost;
    account.at = now;
}

void LoginBudget::give_back(const std::string& address, nanoseconds cost) {
    const auto account = by_source_.find(source_of(address));
    if (account == by_source_.end()) return;
    account->second.owed -= std::min(account->second.owed, cost);
}

// Each of them costs the next look at all of them so many more sources.
void LoginBudget::forget_refilled(Time now) {
    std::erase_if(by_source_,
                  [now](const auto& source) { return owed(source.second, now) == nanoseconds(0); });
    forget_at_ = std::max<std::size_t>(1024, 2 * by_source_.size());
}

}  // namespace gerve

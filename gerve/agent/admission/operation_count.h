// How many operations run at once on the whole agent, for one owner, one account and one key; shared by its
// threads.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "authz/model/ticket.h"

namespace gerve {

// Whose operation one is. Empty: it counts for none of that kind, as those of git:// and of administrators do
// for no account and no key.
struct Claimant {
    std::string owner;    // of the repository, folded
    std::string account;  // "user 7", or "deploy key of OWNER/REPO"
    std::string key;      // fingerprint
};

// Whose operation it is, by the variables that authz signed: none of an account, or a key, where it names
// none.
[[nodiscard]] Claimant claimant_of(const Open& open);

struct OperationLimits {
    unsigned all = 0;
    unsigned per_owner = 0;  // 0: none; likewise the next two
    unsigned per_account = 0;
    unsigned per_key = 0;
};

class OperationCount {
  public:
    enum class Verdict { begun, full, owner_full, account_full, key_full };

    // Counts one more for the claimant, unless that would pass a limit.
    [[nodiscard]] Verdict begin(const Claimant& claimant, const OperationLimits& limits);
    void end(const Claimant& claimant);
    [[nodiscard]] unsigned running() const;

  private:
    using Counts = std::unordered_map<std::string, unsigned>;  // only what has a running operation

    mutable std::mutex mutex_;
    unsigned running_ = 0;
    Counts owners_;
    Counts accounts_;
    Counts keys_;
};

}  // namespace gerve

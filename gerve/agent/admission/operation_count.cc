#include "gerve/agent/admission/operation_count.h"

#include "authz/base/text.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {
namespace {

template <class Counts>
bool is_full(const Counts& counts, const std::string& name, unsigned most) {
    if (most == 0 || name.empty()) return false;
    const auto known = counts.find(name);
    return known != counts.end() && known->second >= most;
}

template <class Counts>
void add(Counts& counts, const std::string& name) {
    if (!name.empty()) ++counts[name];
}

template <class Counts>
void remove(Counts& counts, const std::string& name) {
    const auto known = counts.find(name);
    if (known != counts.end() && --known->second == 0) counts.erase(known);
}

}  // namespace

Claimant claimant_of(const Open& open) {
    Claimant claimant{fold_case(open.owner), "", variable_of(open, "GERVE_KEY")};
    if (claimant.key.empty()) return claimant;
    const std::string user = variable_of(open, "GERVE_USER_ID");
    claimant.account = user.empty() ? "deploy key of " + fold_case(open.storage_path) : "user " + user;
    return claimant;
}

OperationCount::Verdict OperationCount::begin(const Claimant& claimant, const OperationLimits& limits) {
    const std::lock_guard lock(mutex_);
    if (running_ >= limits.all) return Verdict::full;
    if (is_full(owners_, claimant.owner, limits.per_owner)) return Verdict::owner_full;
    if (is_full(accounts_, claimant.account, limits.per_account)) return Verdict::account_full;
    if (is_full(keys_, claimant.key, limits.per_key)) return Verdict::key_full;
    add(owners_, claimant.owner);
    add(accounts_, claimant.account);
    add(keys_, claimant.key);
    ++running_;
    return Verdict::begun;
}

void OperationCount::end(const Claimant& claimant) {
    const std::lock_guard lock(mutex_);
    remove(owners_, claimant.owner);
    remove(accounts_, claimant.account);
    remove(keys_, claimant.key);
    --running_;
}

unsigned OperationCount::running() const {
    const std::lock_guard lock(mutex_);
    return running_;
}

}  // namespace gerve

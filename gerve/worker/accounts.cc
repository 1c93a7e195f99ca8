#include "gerve/worker/accounts.h"

#include <algorithm>
#include <vector>

namespace gerve {
namespace {

bool is_full(unsigned held, unsigned limit) {
    return limit != 0 && held >= limit;
}

std::string too_many(const char* whose, unsigned limit, const char* what, const char* remedy) {
    return std::string("ERROR: ") + whose + " may have at most " + std::to_string(limit) + " " + what +
           " at this gateway at once. " + remedy + "\n";
}

constexpr const char* one_key = "This key";
constexpr const char* one_account = "This account";
constexpr const char* of_connections = "connections";
constexpr const char* close_some = "Close some of them, then connect again.";
constexpr const char* wait_for_some = "Wait until some of them have ended, then try again.";

// By Accounts::Kind. A limit of 0 stays 0, no limit, however many there are for each operation of git.
struct OperationKind {
    const char* name;
    unsigned for_each_of_git;
};
constexpr std::array<OperationKind, 2> operation_kinds{
    {{"git operations", 1}, {"Git LFS sessions", lfs_sessions}}};

}  // namespace

Accounts::Admitted<Accounts::Connection> Accounts::enter(const KnownKey& key,
                                                         std::function<void(const std::string&)> cut,
                                                         Clock::time_point now) {
    const auto of_key = keys_.try_emplace(key.fingerprint.bytes()).first;
    const auto of_account = accounts_.try_emplace(identity_of(key.holder)).first;
    const bool key_full = is_full(of_key->second.connections, limits_.connections_per_key);
    if (key_full || is_full(of_account->second.connections, limits_.connections_per_account)) {
        if (of_key->second.connections == 0) keys_.erase(of_key);
        return tl::make_unexpected(
            key_full ? too_many(one_key, gateway_.connections_per_key, of_connections, close_some)
                     : too_many(one_account, gateway_.connections_per_account, of_connections, close_some));
    }
    ++of_key->second.connections;
    ++of_account->second.connections;
    return Connection(*this,
                      guests_.insert(guests_.end(), Guest{of_key, of_account, std::move(cut), 0, now}));
}

Accounts::Connection::~Connection() {
    if (accounts_ != nullptr) accounts_->leave(guest_);
}

void Accounts::leave(Guests::iterator guest) {
    if (--guest->key->second.connections == 0) keys_.erase(guest->key);
    if (--guest->account->second.connections == 0) accounts_.erase(guest->account);
    guests_.erase(guest);
}

Accounts::Admitted<Accounts::Operation> Accounts::Connection::begin(Kind kind) {
    const auto index = static_cast<std::size_t>(kind);
    const auto& [name, factor] = operation_kinds.at(index);
    Holder& key = guest_->key->second;
    Holder& account = guest_->account->second;
    const AccountLimits& limits = accounts_->limits_;
    const AccountLimits& gateway = accounts_->gateway_;
    if (is_full(key.operations.at(index), factor * limits.operations_per_key))
        return tl::make_unexpected(
            too_many(one_key, factor * gateway.operations_per_key, name, wait_for_some));
    if (is_full(account.operations.at(index), factor * limits.operations_per_account))
        return tl::make_unexpected(
            too_many(one_account, factor * gateway.operations_per_account, name, wait_for_some));
    ++key.operations.at(index);
    ++account.operations.at(index);
    ++guest_->operations;
    return Operation(*accounts_, guest_, kind);
}

Accounts::Operation::~Operation() {
    if (accounts_ != nullptr) accounts_->end(guest_, kind_, Clock::now());
}

void Accounts::end(Guests::iterator guest, Kind kind, Clock::time_point now) {
    const auto index = static_cast<std::size_t>(kind);
    --guest->key->second.operations.at(index);
    --guest->account->second.operations.at(index);
    --guest->operations;
    guest->quiet_since = now;
}

void Accounts::trim(Clock::time_point now) {
    std::vector<Guest*> idle;
    for (auto* holders : {&keys_, &accounts_}) {
        for (auto& [name, holder] : *holders) holder.idle = 0;
    }
    for (Guest& guest : guests_) {
        if (guest.operations > 0 || now - guest.quiet_since < idle_after || !guest.cut) continue;
        idle.push_back(&guest);
        ++guest.key->second.idle;
        ++guest.account->second.idle;
    }
    std::stable_sort(idle.begin(), idle.end(),
                     [](const Guest* a, const Guest* b) { return a->quiet_since < b->quiet_since; });
    for (Guest* guest : idle) {
        Holder& key = guest->key->second;
        Holder& account = guest->account->second;
        const bool of_key = limits_.idle_per_key != 0 && key.idle > limits_.idle_per_key;
        const bool of_account = limits_.idle_per_account != 0 && account.idle > limits_.idle_per_account;
        if (!of_key && !of_account) continue;
        --key.idle;
        --account.idle;
        const auto cut = std::exchange(guest->cut, nullptr);
        cut(std::string(of_key ? one_key : one_account) + " may have at most " +
            std::to_string(of_key ? gateway_.idle_per_key : gateway_.idle_per_account) +
            " idle connections at this gateway at once, and this was the longest idle. Connect again.");
    }
}

}  // namespace gerve

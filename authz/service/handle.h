// Handles: what authz gives out for a known key, sealed, so that a later request needs no second lookup.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/model/principal.h"
#include "authz/model/security_key.h"
#include "authz/model/ticket.h"
#include "authz/wire/protocol.h"

namespace gerve {

// A worker's handle is looked up again after this, so that a revoked key is noticed within seconds.
constexpr std::chrono::milliseconds worker_handle_life{10'000};
// From sshd's AuthorizedKeysCommand to the forced command lie a signature and a fork. Afterwards it serves
// the connection whose login it was made for, and no other (sshd_session.h). The key itself is looked up
// again when the handle is older than a worker's may be.
constexpr std::chrono::milliseconds sshd_handle_life{180'000};

struct Handle {
    KnownKey key;
    PeerKind given_to;        // worker or authorized_keys
    std::string bound;        // what else it holds for: a worker's connection id, or sshd's login name
    std::int64_t issued = 0;  // monotonic_now()
    // Of a FIDO key behind sshd, or a certificate of one: the flags that sshd was told to insist on.
    std::optional<SecurityKeyUse> checked_by_sshd{};
};

// Seals and opens handles with a key of its own, derived from a ticket key: they outlive a restart of authz.
// Those that were sealed by way of another of the ticket keys open as well: they outlive a rotation.
class HandleSeal {
  public:
    explicit HandleSeal(const TicketKey& key, const std::vector<TicketKey>& others = {});

    [[nodiscard]] std::string seal(const Handle& handle) const;  // base64, at most 1 KB
    // Nothing unless it was sealed with the same key. How old it is and whose, is the caller's to judge.
    [[nodiscard]] std::optional<Handle> open(std::string_view text) const;

  private:
    std::vector<Secret> keys_;  // the first seals
};

}  // namespace gerve

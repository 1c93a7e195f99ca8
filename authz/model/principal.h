// Who a session acts for: what the directory says of a key, and the principal that a proof makes of it.
#pragma once

#include <optional>
#include <string>

#include "authz/base/clock.h"
#include "authz/model/ids.h"
#include "authz/model/key_holder.h"
#include "authz/model/public_key.h"

namespace gerve {

// A live (neither revoked nor expired) key as the directory knows it. Knowing it proves nothing.
struct KnownKey {
    KeyId id;
    Fingerprint fingerprint;
    KeyHolder holder;
    bool no_touch_required = false;  // of a FIDO key: it logs in without user presence
};

// Why somebody is taken for the holder of a key. Each way to mint one is a function of its own, and a test
// counts the places that call them.
class Proof final {
  public:
    // A handle that authz sealed itself, from a process that may present it. One is sealed for each key that
    // is offered: it is the process (a worker, or sshd by the program it starts) that vouches for a signature
    // verified over the session identifier (RFC 4252 section 7).
    [[nodiscard]] static Proof from_sealed_handle(Fingerprint key) { return Proof(std::move(key)); }
    // An administrator asks what would be decided (`gerve explain`); nothing is served by it.
    [[nodiscard]] static Proof from_administrator(Fingerprint key) { return Proof(std::move(key)); }
    // A second policy is asked what it would have decided (authz/service/shadow); nothing is served by it.
    [[nodiscard]] static Proof for_comparison(Fingerprint key) { return Proof(std::move(key)); }

    [[nodiscard]] const Fingerprint& key() const { return key_; }

  private:
    explicit Proof(Fingerprint key) : key_(std::move(key)) {}
    Fingerprint key_;
};

class Principal final {
  public:
    // Nothing when the proof is of another key.
    [[nodiscard]] static std::optional<Principal> make(const Proof& proof, KnownKey key) {
        if (proof.key() != key.fingerprint) return std::nullopt;
        return Principal(std::move(key));
    }

    // The same holder by what is known of the key now. Nothing when that is another key.
    [[nodiscard]] std::optional<Principal> renewed(KnownKey key) const {
        if (key_.fingerprint != key.fingerprint) return std::nullopt;
        return Principal(std::move(key));
    }

    [[nodiscard]] const KnownKey& key() const { return key_; }
    [[nodiscard]] const KeyHolder& holder() const { return key_.holder; }
    [[nodiscard]] std::string name() const { return name_of(key_.holder); }

  private:
    explicit Principal(KnownKey key) : key_(std::move(key)) {}
    KnownKey key_;
};

}  // namespace gerve

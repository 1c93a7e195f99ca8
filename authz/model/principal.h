// Who a session acts for: what the directory says of a key, and the principal that a proof makes of it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "authz/base/clock.h"
#include "authz/model/ids.h"
#include "authz/model/login.h"
#include "authz/model/public_key.h"
#include "authz/model/repo_path.h"

namespace gerve {

struct User {
    AccountId id;
    Login login;
    bool suspended = false;
};

// A key bound to one repository; `repo` is its name when the key was looked up.
struct DeployKey {
    RepoId repo_id;
    RepoPath repo;
    bool can_write = false;
};

using KeyOwner = std::variant<User, DeployKey>;

// A live (neither revoked nor expired) key as the directory knows it. Knowing it proves nothing.
struct KnownKey {
    KeyId id;
    Fingerprint fingerprint;
    KeyOwner owner;
};

// That somebody holds the private half of a key. Each way to mint one is a function of its own, and a test
// counts the places that call them.
class Proof final {
  public:
    // A signature verified over the session identifier (RFC 4252 section 7).
    [[nodiscard]] static Proof from_verified_signature(Fingerprint key) { return Proof(std::move(key)); }
    // A handle that authz sealed itself and got back from a process that may present it.
    [[nodiscard]] static Proof from_sealed_handle(Fingerprint key) { return Proof(std::move(key)); }
    // An administrator asks what would be decided (`gerve explain`); nothing is served by it.
    [[nodiscard]] static Proof from_administrator(Fingerprint key) { return Proof(std::move(key)); }

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
    [[nodiscard]] const User* user() const { return std::get_if<User>(&key_.owner); }
    [[nodiscard]] const DeployKey* deploy_key() const { return std::get_if<DeployKey>(&key_.owner); }
    [[nodiscard]] bool suspended() const { return user() != nullptr && user()->suspended; }
    // The name it is greeted by: LOGIN, or OWNER/REPO of a deploy key.
    [[nodiscard]] std::string name() const {
        return user() != nullptr ? user()->login.text() : deploy_key()->repo.text();
    }

  private:
    explicit Principal(KnownKey key) : key_(std::move(key)) {}
    KnownKey key_;
};

}  // namespace gerve

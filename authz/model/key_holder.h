// KeyHolder: whose a key is. What differs between kinds of holders is asked by match(), so that a fourth kind
// does not compile before each such place has been thought of; tests/walls keeps get_if<User> and the like
// away. What only a user has (permissions of an account, a login) is asked by user_of().
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "authz/base/clock.h"
#include "authz/base/match.h"
#include "authz/base/text.h"
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

// A key that several repositories may accept, each for itself: which of them does, and whether it may write
// there, is looked up for the repository that is asked for.
struct SharedDeployKey {
    KeyId id;
    std::string title;  // as somebody typed it
};

// What was seen of a certificate when it was judged, as far as it matters afterwards.
struct CertificateFacts {
    AuthorityId authority;
    Fingerprint authority_key;
    std::optional<AccountId> organization;  // whose repositories it counts for alone; nothing: all
    std::uint64_t serial = 0;
    std::string key_id;
    Fingerprint certificate;  // Certificate::fingerprint()
    UnixMillis expires = 0;   // `never`: it does not
};

// A user by the word of an authority: the directory has no row of the key.
struct CertifiedUser {
    CertificateFacts certificate;
    User user;
};

using KeyHolder = std::variant<User, DeployKey, CertifiedUser, SharedDeployKey>;

// What says the same of a user, whether by a key of their own or by a certificate.
[[nodiscard]] inline const User& as_user(const User& user) {
    return user;
}
[[nodiscard]] inline const User& as_user(const CertifiedUser& certified) {
    return certified.user;
}
template <class Holder>
concept SomeUser = requires(const Holder& holder) {
    as_user(holder);
};

template <class Holder>
concept SomeDeployKey = std::same_as<Holder, DeployKey> || std::same_as<Holder, SharedDeployKey>;

// By which it is greeted and listed: LOGIN, or OWNER/REPO of a deploy key, or "deploy key TITLE".
[[nodiscard]] inline std::string name_of(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto& user) { return as_user(user).login.text(); },
        [](const DeployKey& key) { return key.repo.text(); },
        [](const SharedDeployKey& key) { return "deploy key " + printable(key.title, 100); });
}

// The member that has its name in the audit trail.
[[nodiscard]] inline std::string_view audit_member_of(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto&) { return std::string_view("user"); },
        [](const DeployKey&) { return std::string_view("deploy_key_of"); },
        [](const SharedDeployKey&) { return std::string_view("shared_deploy_key"); });
}

[[nodiscard]] inline bool is_suspended(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto& user) { return as_user(user).suspended; },
        [](const SomeDeployKey auto&) { return false; });
}

[[nodiscard]] inline bool is_deploy_key(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto&) { return false; }, [](const SomeDeployKey auto&) { return true; });
}

// Null: not a user's.
[[nodiscard]] inline const User* user_of(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto& user) { return &as_user(user); },
        [](const SomeDeployKey auto&) { return static_cast<const User*>(nullptr); });
}

// Null: by a key that the directory has.
[[nodiscard]] inline const CertificateFacts* certificate_of(const KeyHolder& holder) {
    return match(
        holder, [](const CertifiedUser& certified) { return &certified.certificate; },
        [](const auto&) { return static_cast<const CertificateFacts*>(nullptr); });
}

// Of its own kind.
[[nodiscard]] inline std::int64_t number_of(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto& user) { return number_of(as_user(user).id); },
        [](const DeployKey& key) { return number_of(key.repo_id); },
        [](const SharedDeployKey& key) { return number_of(key.id); });
}

// Whatever it is called now.
[[nodiscard]] inline bool is_same_holder(const KeyHolder& one, const KeyHolder& other) {
    return one.index() == other.index() && number_of(one) == number_of(other);
}

// A text that no other holder has. A user by an organisation's authority is another one than the user: the
// organisation may not use up what the user is allowed elsewhere.
[[nodiscard]] inline std::string identity_of(const KeyHolder& holder) {
    const CertificateFacts* certificate = certificate_of(holder);
    const std::string by = certificate != nullptr && certificate->organization
                               ? " by organisation " + std::to_string(number_of(*certificate->organization))
                               : "";
    return match(
        holder,
        [&](const SomeUser auto& user) { return "user " + std::to_string(number_of(as_user(user).id)) + by; },
        [](const DeployKey& key) { return "repository " + std::to_string(number_of(key.repo_id)); },
        [](const SharedDeployKey& key) { return "key " + std::to_string(number_of(key.id)); });
}

}  // namespace gerve

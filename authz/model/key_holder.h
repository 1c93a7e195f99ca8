// KeyHolder: whose a key is. What differs between kinds of holders is asked by match(), so that a third kind
// does not compile before each such place has been thought of; tests/walls keeps get_if<User> and the like
// away. What only a user has (permissions of an account, a login) is asked by user_of().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "authz/base/match.h"
#include "authz/model/ids.h"
#include "authz/model/login.h"
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

using KeyHolder = std::variant<User, DeployKey>;

// By which it is greeted and listed: LOGIN, or OWNER/REPO of a deploy key.
[[nodiscard]] inline std::string name_of(const KeyHolder& holder) {
    return match(
        holder, [](const User& user) { return user.login.text(); },
        [](const DeployKey& key) { return key.repo.text(); });
}

// The member that has its name in the audit trail.
[[nodiscard]] inline std::string_view audit_member_of(const KeyHolder& holder) {
    return match(
        holder, [](const User&) { return std::string_view("user"); },
        [](const DeployKey&) { return std::string_view("deploy_key_of"); });
}

[[nodiscard]] inline bool is_suspended(const KeyHolder& holder) {
    return match(
        holder, [](const User& user) { return user.suspended; }, [](const DeployKey&) { return false; });
}

[[nodiscard]] inline bool is_deploy_key(const KeyHolder& holder) {
    return match(
        holder, [](const User&) { return false; }, [](const DeployKey&) { return true; });
}

// Null: not a user's.
[[nodiscard]] inline const User* user_of(const KeyHolder& holder) {
    return match(
        holder, [](const User& user) { return &user; },
        [](const DeployKey&) { return static_cast<const User*>(nullptr); });
}

// Of its own kind.
[[nodiscard]] inline std::int64_t number_of(const KeyHolder& holder) {
    return match(
        holder, [](const User& user) { return number_of(user.id); },
        [](const DeployKey& key) { return number_of(key.repo_id); });
}

// Whatever it is called now.
[[nodiscard]] inline bool is_same_holder(const KeyHolder& one, const KeyHolder& other) {
    return one.index() == other.index() && number_of(one) == number_of(other);
}

// A text that no other holder has.
[[nodiscard]] inline std::string identity_of(const KeyHolder& holder) {
    return match(
        holder, [](const User& user) { return "user " + std::to_string(number_of(user.id)); },
        [](const DeployKey& key) { return "repository " + std::to_string(number_of(key.repo_id)); });
}

}  // namespace gerve

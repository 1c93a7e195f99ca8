// Users of this system, by passwd(5) and whatever else nsswitch.conf(5) names.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace gerve {

struct SystemUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::string home;
    std::string shell;
    std::string password;  // "x" where shadow(5) has it
};

// Nothing: the system has no such user, or cannot be asked.
[[nodiscard]] std::optional<SystemUser> find_system_user(const std::string& name);
[[nodiscard]] std::optional<SystemUser> find_system_user(uid_t uid);

// A user's name, or "uid N" of one without.
[[nodiscard]] std::string system_user_text(uid_t uid);

}  // namespace gerve

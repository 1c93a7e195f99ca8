// LocalUser: an account of this system, and what the modes of files let it do.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "authz/os/system_user.h"

namespace gerve {

class LocalUser {
  public:
    // Nothing: the system knows no such user.
    [[nodiscard]] static std::optional<LocalUser> find(const std::string& name);
    [[nodiscard]] static std::optional<LocalUser> find(uid_t uid);
    // The name of whom a file belongs to; empty when there is no such file or user.
    [[nodiscard]] static std::string owner_of(const std::string& file);

    [[nodiscard]] const std::string& name() const { return user_.name; }
    [[nodiscard]] bool is_root() const { return user_.uid == 0; }
    [[nodiscard]] const std::string& shell() const { return user_.shell; }
    [[nodiscard]] const std::string& home() const { return user_.home; }
    // Whether root alone is in the group, by the group's entry and by everybody's primary group.
    [[nodiscard]] static bool is_roots_own(gid_t group);
    // As the shadow file has it, where this process may read that; else what passwd has in its place.
    [[nodiscard]] std::string password() const;
    [[nodiscard]] std::vector<std::string> group_names() const;

    // `wanted`: of 4 read, 2 write, 1 execute or search. By the mode alone: access control lists are not
    // read.
    [[nodiscard]] bool may(const struct stat& status, mode_t wanted) const;

  private:
    explicit LocalUser(SystemUser user);
    SystemUser user_;
    std::vector<gid_t> groups_;
};

}  // namespace gerve

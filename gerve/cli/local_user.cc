#include "gerve/cli/local_user.h"

#include <grp.h>
#include <pwd.h>
#include <shadow.h>

#include <algorithm>
#include <utility>

namespace gerve {

LocalUser::LocalUser(SystemUser user) : user_(std::move(user)) {
    int count = 256;
    groups_.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(user_.name.c_str(), user_.gid, groups_.data(), &count) < 0) count = 1;
    groups_.resize(static_cast<std::size_t>(count));
}

std::optional<LocalUser> LocalUser::find(const std::string& name) {
    auto user = find_system_user(name);
    if (!user) return std::nullopt;
    return LocalUser(std::move(*user));
}

std::optional<LocalUser> LocalUser::find(uid_t uid) {
    auto user = find_system_user(uid);
    if (!user) return std::nullopt;
    return LocalUser(std::move(*user));
}

std::string LocalUser::owner_of(const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return {};
    const auto user = find(status.st_uid);
    return user ? user->name() : "";
}

bool LocalUser::is_roots_own(gid_t group) {
    const ::group* entry = ::getgrgid(group);
    if (entry == nullptr) return false;
    for (char** member = entry->gr_mem; *member != nullptr; ++member) {
        if (std::string_view(*member) != "root") return false;
    }
    bool own = false;
    bool shared = false;
    ::setpwent();
    for (const ::passwd* user = ::getpwent(); user != nullptr; user = ::getpwent()) {
        if (user->pw_gid == group) (user->pw_uid == 0 ? own : shared) = true;
    }
    ::endpwent();
    return own && !shared;
}

std::string LocalUser::password() const {
    if (user_.password != "x") return user_.password;
    const spwd* shadow = ::getspnam(user_.name.c_str());
    return shadow != nullptr ? shadow->sp_pwdp : user_.password;
}

std::vector<std::string> LocalUser::group_names() const {
    std::vector<std::string> names;
    for (const gid_t group : groups_) {
        if (const ::group* entry = ::getgrgid(group); entry != nullptr) names.emplace_back(entry->gr_name);
    }
    return names;
}

bool LocalUser::may(const struct stat& status, mode_t wanted) const {
    if (user_.uid == 0) return true;
    if (status.st_uid == user_.uid) return (status.st_mode >> 6 & wanted) == wanted;
    const bool member = std::find(groups_.begin(), groups_.end(), status.st_gid) != groups_.end();
    return (status.st_mode >> (member ? 3 : 0) & wanted) == wanted;
}

}  // namespace gerve

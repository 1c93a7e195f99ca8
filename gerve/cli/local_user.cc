#include "gerve/cli/local_user.h"

#include <grp.h>
#include <shadow.h>

#include <algorithm>

namespace gerve {

LocalUser::LocalUser(const ::passwd& entry)
    : name_(entry.pw_name),
      shell_(entry.pw_shell),
      home_(entry.pw_dir),
      password_(entry.pw_passwd),
      uid_(entry.pw_uid) {
    int count = 256;
    groups_.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(entry.pw_name, entry.pw_gid, groups_.data(), &count) < 0) count = 1;
    groups_.resize(static_cast<std::size_t>(count));
}

std::optional<LocalUser> LocalUser::find(const std::string& name) {
    const ::passwd* entry = ::getpwnam(name.c_str());
    if (entry == nullptr) return std::nullopt;
    return LocalUser(*entry);
}

std::optional<LocalUser> LocalUser::find(uid_t uid) {
    const ::passwd* entry = ::getpwuid(uid);
    if (entry == nullptr) return std::nullopt;
    return LocalUser(*entry);
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
    if (password_ != "x") return password_;
    const spwd* shadow = ::getspnam(name_.c_str());
    return shadow != nullptr ? shadow->sp_pwdp : password_;
}

std::vector<std::string> LocalUser::group_names() const {
    std::vector<std::string> names;
    for (const gid_t group : groups_) {
        if (const ::group* entry = ::getgrgid(group); entry != nullptr) names.emplace_back(entry->gr_name);
    }
    return names;
}

bool LocalUser::may(const struct stat& status, mode_t wanted) const {
    if (uid_ == 0) return true;
    if (status.st_uid == uid_) return (status.st_mode >> 6 & wanted) == wanted;
    const bool member = std::find(groups_.begin(), groups_.end(), status.st_gid) != groups_.end();
    return (status.st_mode >> (member ? 3 : 0) & wanted) == wanted;
}

}  // namespace gerve

#include "authz/os/system_user.h"

#include <pwd.h>

#include <cerrno>
#include <vector>

namespace gerve {
namespace {

constexpr std::size_t most_room = 1 << 20;  // bytes of an entry

// `look` is getpwnam_r() or getpwuid_r() with its first argument.
template <class Look>
std::optional<SystemUser> find(Look look) {
    std::vector<char> buffer(1024);
    passwd entry{};
    passwd* found = nullptr;
    int failed = look(&entry, buffer.data(), buffer.size(), &found);
    while (failed == ERANGE && buffer.size() < most_room) {
        buffer.resize(buffer.size() * 2);
        failed = look(&entry, buffer.data(), buffer.size(), &found);
    }
    if (failed != 0 || found == nullptr) return std::nullopt;
    return SystemUser{entry.pw_name, entry.pw_uid,   entry.pw_gid,
                      entry.pw_dir,  entry.pw_shell, entry.pw_passwd};
}

}  // namespace

std::optional<SystemUser> find_system_user(const std::string& name) {
    return find([&](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); });
}

std::optional<SystemUser> find_system_user(uid_t uid) {
    return find([&](auto... rest) { return ::getpwuid_r(uid, rest...); });
}

std::string system_user_text(uid_t uid) {
    const auto user = find_system_user(uid);
    return user ? user->name : "uid " + std::to_string(uid);
}

}  // namespace gerve

#include "authz/audit/operator.h"

#include <pwd.h>

#include <array>

#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {

std::string find_user(uid_t user) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return entry.pw_name;
}

std::string name_of_user(uid_t user) {
    const std::string name = find_user(user);
    return name.empty() ? "uid " + std::to_string(user) : name;
}

std::string login_of(pid_t process) {
    const auto text = read_file("/proc/" + std::to_string(process) + "/loginuid", 64);
    const auto user = text ? parse_decimal(trim(*text)) : std::nullopt;
    constexpr std::uint64_t nobody_logged_in = 0xffffffff;
    return user && *user != nobody_logged_in ? name_of_user(static_cast<uid_t>(*user)) : "";
}

}  // namespace gerve

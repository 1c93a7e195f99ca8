#include "authz/os/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "authz/base/fd.h"
#include "authz/os/system_user.h"

namespace gerve {

Result<void> become(const std::string& user) {
    if (user.empty()) return {};
    const auto account = find_system_user(user);
    if (!account) return internal_error("no system user " + user + " (authz.worker_user)");
    if (account->uid == ::geteuid()) return {};
    if (::initgroups(user.c_str(), account->gid) != 0 || ::setgid(account->gid) != 0 ||
        ::setuid(account->uid) != 0) {
        return internal_error(errno_text("cannot switch to user " + user) +
                              "; start `gerve serve` as root or with CAP_SETUID and CAP_SETGID, or remove "
                              "authz.worker_user from the configuration");
    }
    return {};
}

Result<void> drop_capabilities() {
    if (::geteuid() == 0) return {};
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, 2> none{};
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
        ::syscall(SYS_capset, &header, none.data()) != 0) {
        return internal_error(errno_text("cannot give up capabilities"));
    }
    return {};
}

}  // namespace gerve

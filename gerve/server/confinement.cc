#include "gerve/server/confinement.h"

#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "authz/base/fd.h"

namespace gerve {

Result<void> become(const std::string& user) {
    if (user.empty() || ::geteuid() != 0) return {};
    const passwd* account = ::getpwnam(user.c_str());
    if (account == nullptr) return internal_error("no system user " + user + " (authz.worker_user)");
    if (::initgroups(user.c_str(), account->pw_gid) != 0 || ::setgid(account->pw_gid) != 0 ||
        ::setuid(account->pw_uid) != 0) {
        return internal_error(errno_text("cannot become " + user));
    }
    return {};
}

// What this process can do to others is nothing, and nobody finds a host key in what it leaves behind.
Result<void> confine() {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return internal_error(errno_text("prctl"));
    }
    scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
    if (filter == nullptr) return internal_error("seccomp_init failed");
    int failed = 0;
    for (const int call : {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
                           SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(bpf), SCMP_SYS(listen)}) {
        failed |= ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    failed |= ::seccomp_load(filter);
    ::seccomp_release(filter);
    return failed == 0 ? Result<void>{} : internal_error("cannot load the seccomp filter");
}

}  // namespace gerve

#include "gerve/process/confinement.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "authz/base/fd.h"
#include "authz/os/hardening.h"
#include "authz/os/privileges.h"

namespace gerve {

Result<void> give_up_rights(const std::string& user) {
    if (auto became = become(user); !became) return became;
    return drop_capabilities();
}

namespace {

// What an event loop, libssh, OpenSSL and the resolver of glibc need, and nothing that starts a program,
// opens a port, changes a file, looks into another process or changes what this one may do.
constexpr int allowed_calls[] = {
    // bytes
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
    SCMP_SYS(lseek),
    // sockets
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    // waiting
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(futex),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
    // descriptors, and files to read
    SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(fcntl), SCMP_SYS(pipe2), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    // memory
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    // oneself and the time
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(getrlimit),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq), SCMP_SYS(arch_prctl), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group)};

int add_rules(scmp_filter_ctx filter) {
    int failed = 0;
    for (const int call : allowed_calls) failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    for (const auto family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
        failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                     SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
    }
    constexpr auto changes = static_cast<scmp_datum_t>(O_ACCMODE | O_CREAT | O_TRUNC);
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                 SCMP_A1(SCMP_CMP_MASKED_EQ, changes, O_RDONLY));
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, changes, O_RDONLY));
    for (const unsigned long request : {FIONREAD, FIONBIO, TCGETS, TIOCGWINSZ}) {
        failed |=
            ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, request));
    }
    // To see whether another is alive, and to abort.
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A1(SCMP_CMP_EQ, 0));
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                 SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
    // Threads, no processes. The arguments of clone3 cannot be looked at: glibc then takes clone.
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    failed |= ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return failed;
}

}  // namespace

// What this process can do to others is nothing, and nobody finds a host key in what it leaves behind.
Result<void> confine() {
    if (auto hardened = harden_process(); !hardened) return hardened;
    scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == nullptr) return internal_error("seccomp_init failed");
    const bool loaded = add_rules(filter) == 0 && ::seccomp_load(filter) == 0;
    ::seccomp_release(filter);
    return loaded ? Result<void>{} : internal_error("cannot load the seccomp filter");
}

}  // namespace gerve

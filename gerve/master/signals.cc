#include "gerve/master/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace gerve {

void keep_inherited_descriptors() {
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

Result<Fd> open_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD}) sigaddset(&set, number);
    ::signal(SIGPIPE, SIG_IGN);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return internal_error(errno_text("sigprocmask"));
    Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return internal_error(errno_text("signalfd"));
    return signals;
}

}  // namespace gerve

#include "authz/os/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace gerve {

Result<Fd> take_signals(std::initializer_list<int> numbers) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : numbers) ::sigaddset(&set, number);
    errno = ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    if (errno != 0) return internal_error(errno_text("pthread_sigmask"));
    Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return internal_error(errno_text("signalfd"));
    return signals;
}

int next_signal(const Fd& signals) {
    signalfd_siginfo info{};
    return ::read(signals.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace gerve

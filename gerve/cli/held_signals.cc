#include "gerve/cli/held_signals.h"

#include <array>
#include <csignal>
#include <cstdio>

namespace gerve {
namespace {

constexpr std::array<int, 3> ending{SIGINT, SIGTERM, SIGHUP};

// For the handler, which is given nothing but the signal.
volatile std::sig_atomic_t held_signal = 0;
bool holding = false;
std::array<struct sigaction, ending.size()> actions_before;
struct sigaction pipe_before {};

sigset_t all_of_them() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : ending) sigaddset(&set, signal);
    return set;
}

void stop_holding() {
    for (std::size_t i = 0; i < ending.size(); ++i) ::sigaction(ending[i], &actions_before[i], nullptr);
}

void hold_signal(int signal) {
    held_signal = signal;
    stop_holding();
}

void start_holding() {
    struct sigaction hold {};
    hold.sa_handler = hold_signal;
    hold.sa_mask = all_of_them();
    // The handler may run when all of them are held, and not sooner.
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, &hold.sa_mask, &mask);
    for (std::size_t i = 0; i < ending.size(); ++i) {
        ::sigaction(ending[i], nullptr, &actions_before[i]);
        if (actions_before[i].sa_handler != SIG_IGN) ::sigaction(ending[i], &hold, nullptr);
    }
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

void let_go() {
    stop_holding();
    const int signal = held_signal;
    if (signal == 0) return;
    held_signal = 0;
    std::fflush(stdout);
    ::raise(signal);
}

}  // namespace

HeldSignals::HeldSignals() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &pipe_before);
    start_holding();
    holding = true;
}

// SIGPIPE comes back last: what is still to be printed may meet a closed pipe.
HeldSignals::~HeldSignals() {
    holding = false;
    let_go();
    ::sigaction(SIGPIPE, &pipe_before, nullptr);
}

AwaitedInput::AwaitedInput() {
    if (holding) let_go();
}

AwaitedInput::~AwaitedInput() {
    if (holding) start_holding();
}

}  // namespace gerve

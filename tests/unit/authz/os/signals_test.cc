#include "authz/os/signals.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

using namespace gerve;

TEST_CASE("signals are read, each once, and end nobody") {
    sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    const auto signals = take_signals({SIGUSR1, SIGTERM});
    REQUIRE(signals);
    CHECK(next_signal(*signals) == 0);
    ::pthread_kill(pthread_self(), SIGTERM);  // it would end this program
    ::pthread_kill(pthread_self(), SIGUSR1);
    CHECK(next_signal(*signals) == SIGUSR1);
    CHECK(next_signal(*signals) == SIGTERM);
    CHECK(next_signal(*signals) == 0);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

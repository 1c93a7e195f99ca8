#include "authz/os/stoppable_thread.h"

#include <doctest/doctest.h>

#include <atomic>

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE("a pause ends when the thread is to end, and not before its time otherwise") {
    std::atomic<int> rounds = 0;
    StoppableThread thread([&](StoppableThread& self) {
        while (self.pause(rounds == 0 ? 1ms : std::chrono::milliseconds(1h))) ++rounds;
    });
    while (rounds == 0) std::this_thread::yield();
    CHECK(thread.stop(1min));
    CHECK(rounds == 1);
    CHECK(thread.stopping());
    CHECK_FALSE(thread.pause(1h));
    CHECK(thread.stop(0ms));  // once more
}

TEST_CASE("a thread that hangs does not hold up the one that stops it") {
    std::atomic<bool> go_on = false;
    StoppableThread thread([&](StoppableThread&) { go_on.wait(false); });
    CHECK_FALSE(thread.stop(1ms));
    go_on = true;
    go_on.notify_all();
    CHECK(thread.stop(1min));
}

TEST_CASE("the destructor ends the thread and waits for it") {
    std::atomic<bool> ended = false;
    {
        const StoppableThread thread([&](StoppableThread& self) {
            while (self.pause(1h)) continue;
            ended = true;
        });
    }
    CHECK(ended);
}

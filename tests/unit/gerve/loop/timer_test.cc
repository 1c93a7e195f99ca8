#include "gerve/loop/timer.h"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <optional>

using namespace gerve;
using namespace std::chrono_literals;

namespace {

struct Loop {
    asio::io_context context;
    int done = 0;
    std::function<void()> count() {
        return [this] { ++done; };
    }
};

}  // namespace

TEST_CASE("an action is done once, when its time has come") {
    Loop loop;
    Timer timer(loop.context);
    timer.arm(1ms, loop.count());
    CHECK(timer.is_armed());
    loop.context.run();
    CHECK(loop.done == 1);
    CHECK_FALSE(timer.is_armed());
}

TEST_CASE("an action that is replaced or cancelled is not done, and neither is one without a time") {
    Loop loop;
    int replaced = 0;
    Timer timer(loop.context.get_executor());
    timer.arm(0ms, [&] { ++replaced; });
    timer.arm(1ms, loop.count());
    loop.context.run();
    CHECK(replaced == 0);
    CHECK(loop.done == 1);
    loop.context.restart();
    timer.arm(0ms, loop.count());
    timer.cancel();
    timer.arm_at(no_deadline, loop.count());
    CHECK_FALSE(timer.is_armed());
    loop.context.run();
    CHECK(loop.done == 1);
}

// The handlers of both are in the queue when the first runs.
TEST_CASE("a timer that is cancelled or destroyed while its handler is on its way does nothing") {
    Loop loop;
    std::optional<Timer> second(std::in_place, loop.context);
    Timer third(loop.context);
    Timer first(loop.context);
    const Deadline now = std::chrono::steady_clock::now();
    first.arm_at(now, [&] {
        second.reset();
        third.cancel();
    });
    second->arm_at(now, loop.count());
    third.arm_at(now, loop.count());
    loop.context.run();
    CHECK(loop.done == 0);
}

TEST_CASE("an action may arm its timer again, and may destroy it") {
    Loop loop;
    std::optional<Timer> timer(std::in_place, loop.context);
    timer->arm(0ms, [&] {
        ++loop.done;
        timer->arm(0ms, [&] {
            ++loop.done;
            timer.reset();
        });
    });
    loop.context.run();
    CHECK(loop.done == 2);
    CHECK_FALSE(timer.has_value());
}

#include "gerve/loop/event.h"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <string>
#include <vector>

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE("news that comes before the wait is not lost, and is news once") {
    asio::io_context loop;
    News news(loop.get_executor());
    std::vector<bool> heard;
    news.notify();
    news.notify();
    asio::co_spawn(
        loop,
        [&]() -> asio::awaitable<void> {
            for (int i = 0; i < 2; ++i) {
                const Deadline deadline = std::chrono::steady_clock::now() + 5ms;
                const bool came = co_await news.wait(deadline);
                heard.push_back(came);
            }
        },
        asio::detached);
    loop.run();
    CHECK(heard == std::vector<bool>{true, false});
}

TEST_CASE("whoever notifies goes on before the waiter does") {
    asio::io_context loop;
    News news(loop.get_executor());
    std::string order;
    asio::co_spawn(
        loop,
        [&]() -> asio::awaitable<void> {
            const bool came = co_await news.wait();
            if (came) order += "waiter ";
        },
        asio::detached);
    asio::post(loop, [&] {
        news.notify();
        order += "notifier ";
    });
    loop.run();
    CHECK(order == "notifier waiter ");
}

TEST_CASE("an event is there for all, also for those that come later") {
    asio::io_context loop;
    Event event(loop);
    int gone = 0;
    const auto wait = [&]() -> asio::awaitable<void> {
        co_await event.wait();
        ++gone;
    };
    asio::co_spawn(loop, wait, asio::detached);
    asio::co_spawn(loop, wait, asio::detached);
    asio::post(loop, [&] {
        CHECK(gone == 0);
        event.set();
        asio::co_spawn(loop, wait, asio::detached);
    });
    loop.run();
    CHECK(gone == 3);
}

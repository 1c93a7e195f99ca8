#include "gerve/ssh/receive_window.h"

#include <doctest/doctest.h>

using namespace gerve::ssh;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t first = ReceiveWindow::first;

// A transfer that takes 64 KB every 10 ms, so much of which is spent waiting for the client.
struct Transfer {
    ReceiveWindow& window;
    ReceiveWindow::Clock::time_point now{};

    void run(std::uint64_t bytes, std::chrono::milliseconds waited) {
        for (std::uint64_t done = 0; done < bytes; done += 64 << 10) {
            now += 10ms;
            window.note_waited(waited);
            window.note_taken(64 << 10, now);
        }
    }
};

}  // namespace

TEST_CASE("a window is opened by what is neither open nor held, once it is worth a packet") {
    WindowBudget budget(0);
    const ReceiveWindow window(budget, {});
    CHECK(window.adjustment(first, 0) == 0);
    CHECK(window.adjustment(first - first / 8 + 1, 0) == 0);
    CHECK(window.adjustment(first - first / 8, 0) == first / 8);
    CHECK(window.adjustment(0, 0) == first);
    CHECK(window.adjustment(64'000, 0) == first - 64'000);
    CHECK(window.adjustment(first / 2, first / 2) == 0);
    CHECK(window.adjustment(0, first / 2) == first / 2);
    CHECK(window.adjustment(first, first) == 0);
}

TEST_CASE("a window grows while the client is waited for, up to the largest") {
    WindowBudget budget(64 << 20);
    {
        ReceiveWindow window(budget, {});
        Transfer transfer{window};
        transfer.run(3 * first, 5ms);
        CHECK(window.size() == first);
        transfer.run(2 * first, 5ms);
        CHECK(window.size() == 2 * first);
        CHECK(window.adjustment(first, 0) == first);
        transfer.run(40 * first, 5ms);
        CHECK(window.size() == ReceiveWindow::largest);
        CHECK(budget.taken() == ReceiveWindow::largest - first);
    }
    CHECK(budget.taken() == 0);
}

TEST_CASE("a window stays as it is where it is the file server that is waited for") {
    WindowBudget budget(64 << 20);
    ReceiveWindow window(budget, {});
    Transfer{window}.run(40 * first, 2ms);
    CHECK(window.size() == first);
    Transfer{window, ReceiveWindow::Clock::time_point(1h)}.run(40 * first, 3ms);
    CHECK(window.size() > first);
}

TEST_CASE("a window that has grown shrinks where it is the file server that is waited for") {
    WindowBudget budget(64 << 20);
    ReceiveWindow window(budget, {});
    Transfer transfer{window};
    transfer.run(40 * first, 5ms);
    CHECK(window.size() == ReceiveWindow::largest);
    CHECK(window.adjustment(0, window.size()) == 0);
    transfer.run(ReceiveWindow::largest, 2ms);
    CHECK(window.size() == ReceiveWindow::largest);
    transfer.run(40 * first, 2ms);
    CHECK(window.size() == first);
    CHECK(budget.taken() == 0);
    transfer.run(first / 2, 5ms);  // it needs no four windows a second time
    CHECK(window.size() == ReceiveWindow::largest);
}

TEST_CASE("windows grow within what all of them may") {
    WindowBudget budget(first);
    ReceiveWindow one(budget, {});
    ReceiveWindow other(budget, {});
    Transfer{one}.run(40 * first, 5ms);
    Transfer{other}.run(40 * first, 5ms);
    CHECK(one.size() == 2 * first);
    CHECK(other.size() == first);
    CHECK(budget.taken() == first);
}

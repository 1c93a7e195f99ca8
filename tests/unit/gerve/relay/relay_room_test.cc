#include "tests/unit/gerve/relay/relay_fixture.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE_FIXTURE(Fixture,
                  "a client that does not read stops the agent, and loses nothing when it reads again") {
    const std::string bytes = pattern(4'000'000);
    client.window = 100'000;
    std::size_t sent_while_stalled = 0;
    const ScriptedAgent agent([&](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        std::string_view rest = bytes;
        bool stalled = false;
        while (!rest.empty()) {
            const std::string frame = data_frame(grv1::FrameType::stdout_data, rest.substr(0, 50'000));
            const ssize_t put =
                ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL | (stalled ? 0 : MSG_DONTWAIT));
            // Part of a frame as well: the rest of it waits until the client reads.
            if (!stalled && put < static_cast<ssize_t>(frame.size())) {
                stalled = true;
                sent_while_stalled = bytes.size() - rest.size();
                if (put < 0) continue;
            }
            if (put < 0) return;
            write_all(fd, std::string_view(frame).substr(static_cast<std::size_t>(put)));
            rest.remove_prefix(std::min<std::size_t>(rest.size(), 50'000));
        }
        write_all(fd, grv1::encode_exit({0, 0, ""}));
    });
    asio::steady_timer timer(loop, std::chrono::milliseconds(200));
    std::size_t had = 0;
    timer.async_wait([&](const asio::error_code&) {
        had = client.out.size();
        client.open_window(SIZE_MAX / 4);
    });
    relay_with(agent);
    CHECK(had == 100'000);
    CHECK(sent_while_stalled < 2'500'000);  // its window, our one buffer and what the kernel holds
    CHECK(client.out == bytes);
    CHECK(client.refused < 100);  // it waits; it does not spin
    CHECK(outcome.end == RelayEnd::exited);
}

TEST_CASE_FIXTURE(Fixture, "what a client has no room for stays with the agent") {
    const std::string bytes = pattern(1'000'000);
    client.tells_room = true;
    client.window = 100'000;
    const ScriptedAgent agent([&](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + data_frame(grv1::FrameType::stdout_data, "refs"));
        std::string_view rest = bytes;
        for (; !rest.empty(); rest.remove_prefix(std::min<std::size_t>(rest.size(), 40'000))) {
            write_all(fd, data_frame(grv1::FrameType::stdout_data, rest.substr(0, 40'000)));
        }
        write_all(fd, grv1::encode_exit({3, 0, ""}));
    });
    asio::steady_timer timer(loop);
    std::function<void()> open_later = [&] {
        timer.expires_after(std::chrono::milliseconds(5));
        timer.async_wait([&](const asio::error_code&) {
            if (client.window < 4096) client.open_window(30'000);
            if (outcome.end != RelayEnd::exited) open_later();
        });
    };
    outcome.end = RelayEnd::upstream_lost;
    open_later();
    relay_with(agent);
    CHECK(client.out == "refs" + bytes);
    CHECK(client.refused == 0);  // nothing was received that had to be kept, and copied
    CHECK(client.largest_put <= 100'000);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(outcome.exit_status == 3);
}

TEST_CASE_FIXTURE(Fixture, "an EXIT is seen by a client that has no room left") {
    const std::string bytes = pattern(5'000);
    client.tells_room = true;
    client.window = bytes.size();
    const ScriptedAgent agent([&](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + data_frame(grv1::FrameType::stdout_data, bytes));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        write_all(fd, grv1::encode_exit({3, 0, ""}));
    });
    relay_with(agent);
    CHECK(client.window == 0);
    CHECK(client.out == bytes);
    CHECK(outcome.exit_status == 3);
}

TEST_CASE_FIXTURE(Fixture, "a client without room that leaves ends the connection to the agent") {
    client.tells_room = true;
    client.window = 0;
    std::string received;
    {
        const ScriptedAgent agent([&received](int fd) {
            write_all(fd, grv1::encode_open_ok(1) + data_frame(grv1::FrameType::stdout_data, "refs"));
            received = read_to_end(fd);
        });
        client.ends = false;
        asio::steady_timer timer(loop, std::chrono::milliseconds(50));
        timer.async_wait([this](const asio::error_code&) { client.leave(); });
        relay_with(agent);
    }
    CHECK(outcome.end == RelayEnd::client_gone);
    CHECK(client.out.empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "an EXIT that waits behind output is not lost to the sessions that run meanwhile") {
    const std::string bytes = pattern(10'000);
    client.window = 100;
    const ScriptedAgent agent([&](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that the rest comes in one piece
        write_all(fd, data_frame(grv1::FrameType::stdout_data, bytes) + grv1::encode_exit({3, 0, ""}));
    });
    asio::steady_timer timer(loop, std::chrono::milliseconds(200));
    timer.async_wait([&](const asio::error_code&) {
        const auto shared = scratch.bytes().first(100'000);  // another session's turn
        std::fill(shared.begin(), shared.end(), 'x');
        client.open_window(SIZE_MAX / 4);
    });
    relay_with(agent);
    CHECK(client.out == bytes);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(outcome.exit_status == 3);
}

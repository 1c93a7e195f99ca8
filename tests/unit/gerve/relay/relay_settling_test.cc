// What a client that has left asked for may come to its end without it, and is told.
#include "tests/unit/gerve/relay/relay_fixture.h"

using namespace gerve;
using namespace gerve::testing;
using namespace std::chrono_literals;

namespace {

// Reads what the gateway sends up to its CANCEL; false: it closed the connection before.
bool await_cancel(int fd) {
    grv1::FrameReader reader(grv1::FrameReader::Receiver::agent);
    char chunk[65536];
    while (true) {
        const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
        if (got <= 0) return false;
        std::string_view rest(chunk, static_cast<std::size_t>(got));
        for (auto part = reader.next(rest); part && *part; part = reader.next(rest)) {
            if ((*part)->type == grv1::FrameType::cancel) return true;
        }
    }
}

grv1::Report one_ref_taken() {
    grv1::Report report;
    report.push = PushFacts{1, 0, 0, 0, false};
    report.changes.push_back(
        {"refs/heads/main", std::string(40, '0'), std::string(40, 'a'), RefOutcome::taken});
    return report;
}

struct Leaving : Fixture {
    Leaving() {
        client.ends = false;
        deadlines.settling = 5s;
        timer.async_wait([this](const asio::error_code& stopped) {
            if (!stopped) client.leave();
        });
    }
    asio::steady_timer timer{loop, 50ms};
};

}  // namespace

TEST_CASE_FIXTURE(Leaving, "after a client has left, the end of its push is told") {
    client.window = 1000;  // the rest waits in the relay, and behind it, when the client leaves
    std::string text;
    SUBCASE("while the relay waits for the client") {
        text = data_frame(grv1::FrameType::stdout_data, pattern(200'000));
    }
    SUBCASE("while nothing is to be sent to it") {}
    const ScriptedAgent agent([&text](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + text);
        if (!await_cancel(fd)) return;
        write_all(fd, data_frame(grv1::FrameType::stdout_data, pattern(250'000)) +
                          grv1::encode_report(one_ref_taken()) + grv1::encode_exit({0, 0, "cancelled"}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::client_gone);
    CHECK(outcome.exit_status == 0);
    REQUIRE(outcome.report.push);
    CHECK(outcome.report.push->taken == 1);
    CHECK(outcome.report.changes.size() == 1);
    CHECK(client.out.size() <= 1000);
}

TEST_CASE_FIXTURE(Leaving, "an agent that says nothing more is listened to for a while") {
    deadlines.settling = 300ms;
    SUBCASE("it reads") {}
    SUBCASE("it does not even read") {
        client.input = pattern(8'000'000);
    }
    bool cancelled = false;
    const bool reads = client.input.empty();
    {
        const ScriptedAgent agent([&cancelled, reads](int fd) {
            write_all(fd, grv1::encode_open_ok(1));
            if (!reads) return std::this_thread::sleep_for(1s);
            cancelled = await_cancel(fd);
            (void)read_to_end(fd);
        });
        relay_with(agent);
    }
    CHECK(cancelled == reads);
    CHECK(outcome.end == RelayEnd::client_gone);
    CHECK_FALSE(outcome.exit_status);
}

TEST_CASE_FIXTURE(Leaving, "a report that makes no sense does not take the exit status with it") {
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        if (await_cancel(fd))
            write_all(fd, grv1::encode_frame(grv1::FrameType::report, "x") + grv1::encode_exit({3, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.exit_status == 3);
    CHECK_FALSE(outcome.bad_report.empty());
}

TEST_CASE_FIXTURE(Leaving, "a session that is idle for too long ends at once, whatever may come") {
    timer.cancel();
    deadlines.idle = 200ms;
    bool cancelled = true;
    {
        const ScriptedAgent agent([&cancelled](int fd) {
            write_all(fd, grv1::encode_open_ok(1));
            cancelled = await_cancel(fd);
        });
        relay_with(agent);
    }
    CHECK(outcome.end == RelayEnd::idle);
    CHECK_FALSE(cancelled);
}

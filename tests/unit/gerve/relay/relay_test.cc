#include "tests/unit/gerve/relay/relay_fixture.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE_FIXTURE(Fixture, "both streams and the exit status come through") {
    client.input = "want";
    const ScriptedAgent agent([](int fd) {
        // In one piece with OPEN_OK, and a frame torn in two: neither may matter.
        write_all(fd, grv1::encode_open_ok(1) + data_frame(grv1::FrameType::stdout_data, "refs") + "\x04");
        write_all(fd, data_frame(grv1::FrameType::stderr_data, "warning").substr(1));
        std::string want(4 + 4 + 4, '\0');
        ::recv(fd, want.data(), want.size(), MSG_WAITALL);
        write_all(
            fd, data_frame(grv1::FrameType::stdout_data, want.substr(4, 4)) + grv1::encode_exit({3, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(outcome.exit_status == 3);
    CHECK(client.out == "refswant");
    CHECK(client.err == "warning");
    CHECK(outcome.bytes_in == 4);
    CHECK(outcome.bytes_out == 15);
}

TEST_CASE_FIXTURE(Fixture, "small frames go out with what stands beside them, in their order") {
    const std::string bytes = pattern(4'000'000);
    const ScriptedAgent agent([&](int fd) {
        std::string all = grv1::encode_open_ok(1);
        std::string_view rest = bytes;
        // Both neighbours of a header are the smaller one in turn, of every proportion.
        for (std::size_t size = 1; !rest.empty(); size = size * 3 % 60'013) {
            all += data_frame(grv1::FrameType::stdout_data, rest.substr(0, size));
            rest.remove_prefix(std::min(size, rest.size()));
        }
        write_all(fd, all + grv1::encode_exit({0, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(client.out == bytes);
    CHECK(client.largest_put > 60'013);
}

TEST_CASE_FIXTURE(Fixture, "an end without EXIT is a failure, whatever came before") {
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + data_frame(grv1::FrameType::stdout_data, "all there is"));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::upstream_lost);
    CHECK(client.out == "all there is");
}

TEST_CASE_FIXTURE(Fixture, "a signal is told as a shell tells it") {
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + grv1::encode_exit({grv1::Exit::no_code, 15, "killed"}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(outcome.exit_status == 143);
}

TEST_CASE_FIXTURE(Fixture, "a client that leaves ends the connection to the agent") {
    client.ends = false;
    std::string received;
    {
        const ScriptedAgent agent([&received](int fd) {
            write_all(fd, grv1::encode_open_ok(1));
            received = read_to_end(fd);
        });
        asio::steady_timer timer(loop, std::chrono::milliseconds(50));
        timer.async_wait([this](const asio::error_code&) { client.leave(); });
        relay_with(agent);
    }
    CHECK(outcome.end == RelayEnd::client_gone);
    CHECK(received.empty());
}

TEST_CASE_FIXTURE(Fixture, "an upload larger than a frame arrives whole and in order") {
    const std::string bytes = pattern(3'000'000);
    client.input = bytes;
    std::string received;
    const ScriptedAgent agent([&](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        grv1::FrameReader reader(grv1::FrameReader::Receiver::agent);
        char chunk[10'000];
        for (bool ended = false; !ended;) {
            const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
            if (got <= 0) return;
            std::string_view rest(chunk, static_cast<std::size_t>(got));
            for (auto part = reader.next(rest); part && *part; part = reader.next(rest)) {
                if ((*part)->type == grv1::FrameType::stdin_data) received += (*part)->payload;
                ended = ended || (*part)->type == grv1::FrameType::stdin_eof;
            }
        }
        write_all(fd, grv1::encode_exit({0, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
    CHECK(received == bytes);
}

TEST_CASE_FIXTURE(Fixture, "an agent that breaks the framing is a lost upstream") {
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1) + std::string("\x7f\x00\x00\x01x", 5));
        read_to_end(fd);
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::upstream_lost);
}

TEST_CASE("what is not reached, refuses or does not answer is told apart") {
    asio::io_context loop(1);
    const auto opened = [&loop](Endpoint endpoint) {
        std::optional<OpenFailure> failed;
        asio::co_spawn(loop, open_only(std::move(endpoint), failed), asio::detached);
        loop.restart();
        loop.run();
        return failed;
    };
    const auto missing = opened(*Endpoint::parse("unix:/nowhere/agent.sock"));
    REQUIRE(missing.has_value());
    CHECK(missing->how == Missed::refused);
    CHECK(missing->error.kind == ErrorKind::unavailable);
    const auto answered = [&opened](const grv1::Fail& failure) {
        const ScriptedAgent agent([failure](int fd) { write_all(fd, grv1::encode_fail(failure)); });
        return opened(agent.endpoint()).value();
    };
    const auto standby = answered({grv1::FailCode::standby, true, "standby"});
    CHECK(standby.how == Missed::refused);
    CHECK(standby.error.kind == ErrorKind::unavailable);
    const auto nothing = answered({grv1::FailCode::no_such_repository, false, ""});
    CHECK(nothing.how == Missed::operation);
    CHECK(nothing.error.kind == ErrorKind::denied);
    CHECK_FALSE(nothing.tries_others);
    CHECK(answered({grv1::FailCode::authentication, false, ""}).error.kind == ErrorKind::internal);
    // It does not know, or is not to serve, what it was asked for.
    for (const auto code : {grv1::FailCode::bad_request, grv1::FailCode::service_disabled})
        CHECK(answered({code, false, ""}).error.kind == ErrorKind::client);
    // The endpoint is well; a fetch goes on to the next one, and what could change something does not.
    for (const bool retryable : {true, false}) {
        const auto trouble = answered({grv1::FailCode::storage, retryable, "storage trouble"});
        CHECK(trouble.how == Missed::operation);
        CHECK(trouble.error.kind == ErrorKind::unavailable);
        CHECK(trouble.tries_others == retryable);
    }
    const ScriptedAgent mute([](int fd) { read_to_end(fd); });
    const auto late = opened(mute.endpoint());
    REQUIRE(late.has_value());
    CHECK(late->how == Missed::silent);
    CHECK(late->error.kind == ErrorKind::unavailable);
}

TEST_CASE_FIXTURE(Fixture, "when nothing moves for too long, the session ends") {
    client.ends = false;
    deadlines.idle = std::chrono::milliseconds(200);
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        // A byte now and then is enough to go on.
        for (int i = 0; i < 6; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(80));
            write_all(fd, data_frame(grv1::FrameType::stdout_data, "."));
        }
        read_to_end(fd);
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::idle);
    CHECK(client.out == "......");
}

TEST_CASE_FIXTURE(Fixture, "an agent that says that the client is at work elsewhere keeps a session") {
    client.ends = false;
    deadlines.idle = std::chrono::milliseconds(200);
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        for (int i = 0; i < 6; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(80));
            write_all(fd, grv1::encode_frame(grv1::FrameType::pong));
        }
        write_all(fd, grv1::encode_exit({0, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
}

TEST_CASE_FIXTURE(Fixture, "a hook may take longer than a client may idle") {
    deadlines.idle = std::chrono::milliseconds(100);
    deadlines.idle_while_sending = true;
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        write_all(fd, grv1::encode_exit({0, 0, ""}));
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::exited);
}

TEST_CASE_FIXTURE(Fixture,
                  "a client that sends nothing more, and does not say so, is cut in a push as well") {
    client.ends = false;
    deadlines.idle = std::chrono::milliseconds(100);
    deadlines.idle_while_sending = true;
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        read_to_end(fd);
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::idle);
}

TEST_CASE_FIXTURE(Fixture, "however much moves, an operation has its time") {
    client.ends = false;
    deadlines.idle = std::chrono::seconds(10);
    deadlines.duration = std::chrono::milliseconds(300);
    const ScriptedAgent agent([](int fd) {
        write_all(fd, grv1::encode_open_ok(1));
        const std::string frame = data_frame(grv1::FrameType::stdout_data, ".");
        while (::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) > 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    });
    relay_with(agent);
    CHECK(outcome.end == RelayEnd::too_long);
    CHECK(client.out.size() > 5);
}

#include "gerve/relay/relay.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "authz/base/fd.h"
#include "authz/model/ticket.h"

using namespace gerve;

namespace {

// A client whose input is all there from the start, and whose output window is as large as it says.
class ScriptedClient final : public ClientStreams {
  public:
    explicit ScriptedClient(asio::io_context& loop)
        : news_(loop.get_executor()), room_(loop.get_executor()) {}

    asio::awaitable<bool> wait_input(Deadline deadline) override { co_return co_await news_.wait(deadline); }
    std::size_t take_input(std::span<char> into) override {
        const std::size_t count = std::min(into.size(), input.size());
        input.copy(into.data(), count);
        input.erase(0, count);
        return count;
    }
    bool input_ended() override { return ends && input.empty(); }
    asio::awaitable<bool> wait_output(Deadline deadline) override { co_return co_await room_.wait(deadline); }
    std::size_t output_room() override { return tells_room ? window : SIZE_MAX; }
    std::size_t put_output(OutputStream stream, std::string_view bytes) override {
        largest_put = std::max(largest_put, bytes.size());
        const std::size_t count = std::min(bytes.size(), window);
        window -= count;
        (stream == OutputStream::out ? out : err).append(bytes.substr(0, count));
        if (count == 0) ++refused;
        return count;
    }
    void interrupt() override {
        news_.notify();
        room_.notify();
    }
    bool gone() const override { return left; }

    void open_window(std::size_t more) {
        window += more;
        room_.notify();
    }
    void leave() {
        left = true;
        interrupt();
    }

    std::string input;
    std::string out;
    std::string err;
    std::size_t window = SIZE_MAX / 2;
    unsigned refused = 0;
    std::size_t largest_put = 0;
    bool tells_room = false;
    bool ends = true;
    bool left = false;

  private:
    Signal news_;
    Signal room_;
};

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::string data_frame(grv1::FrameType type, std::string_view payload) {
    std::string frame(grv1::header_size, '\0');
    grv1::encode_header(type, payload.size(), frame.data());
    return frame.append(payload);
}

// An agent of one connection that runs `script` behind a received OPEN.
class ScriptedAgent {
  public:
    explicit ScriptedAgent(std::function<void(int)> script)
        : path_(std::filesystem::temp_directory_path() /
                ("gerve-relay-" + std::to_string(::getpid()) + ".sock")) {
        ::unlink(path_.c_str());
        listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        thread_ = std::thread([this, script = std::move(script)] {
            const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::string open(4, '\0');
            if (::recv(peer.get(), open.data(), open.size(), MSG_WAITALL) == 4) script(peer.get());
        });
    }
    ~ScriptedAgent() {
        thread_.join();
        ::unlink(path_.c_str());
    }
    [[nodiscard]] Endpoint endpoint() const { return *Endpoint::parse("unix:" + path_); }

  private:
    std::string path_;
    Fd listener_;
    std::thread thread_;
};

// Everything the gateway sends until it shuts its side or the connection is closed.
std::string read_to_end(int fd) {
    std::string all;
    char chunk[65536];
    for (ssize_t got = ::recv(fd, chunk, sizeof chunk, 0); got > 0;
         got = ::recv(fd, chunk, sizeof chunk, 0)) {
        all.append(chunk, static_cast<std::size_t>(got));
    }
    return all;
}

asio::awaitable<void> run(Endpoint endpoint, ScriptedClient& client, Scratch& scratch,
                          RelayDeadlines deadlines, RelayOutcome& outcome) {
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string open = "OPEN";
    Destined destined{endpoint, {}, std::chrono::seconds(5)};
    auto upstream = co_await Upstream::open(std::move(destined), std::move(open), deadline, deadline);
    REQUIRE(upstream.has_value());
    outcome = co_await relay(client, *upstream, scratch, deadlines);
}

asio::awaitable<void> open_only(Endpoint endpoint, std::optional<OpenFailure>& failed) {
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    std::string open = "OPEN";
    Destined destined{endpoint, {}, std::chrono::seconds(5)};
    const auto upstream = co_await Upstream::open(std::move(destined), std::move(open), deadline, deadline);
    if (!upstream) failed = upstream.error();
}

struct Fixture {
    asio::io_context loop{1};
    ScriptedClient client{loop};
    Scratch scratch;
    RelayDeadlines deadlines;
    RelayOutcome outcome;

    void relay_with(const ScriptedAgent& agent) {
        asio::co_spawn(loop, run(agent.endpoint(), client, scratch, deadlines, outcome), asio::detached);
        loop.run_for(std::chrono::seconds(20));
    }
};

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
}

}  // namespace

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
    CHECK(answered({grv1::FailCode::authentication, false, ""}).error.kind == ErrorKind::internal);
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

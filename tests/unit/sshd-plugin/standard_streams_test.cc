#include "sshd-plugin/standard_streams.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "authz/base/fd.h"

using namespace gerve;
using namespace gerve::sshd;
using namespace std::chrono_literals;

namespace {

// As sshd gives them: one socket for input and output, one for errors.
struct Client {
    Client() {
        std::array<int, 2> both{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) == 0);
        far = Fd(both[0]);
        near = Fd(both[1]);
        near_again = Fd(::dup(both[1]));
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) == 0);
        far_err = Fd(both[0]);
        near_err = Fd(both[1]);
    }
    Fd far, near, near_again, far_err, near_err;
};

// Runs the loop until the wait is over; nothing: it is not over after `patience`.
template <class Wait>
std::optional<bool> outcome(asio::io_context& loop, Wait wait, std::chrono::milliseconds patience = 5s) {
    const auto result = std::make_shared<std::optional<bool>>();  // a wait that goes on outlives this call
    asio::co_spawn(loop, std::move(wait), [&loop, result](const std::exception_ptr&, bool news) {
        *result = news;
        loop.stop();
    });
    loop.restart();
    loop.run_for(patience);
    return *result;
}

}  // namespace

TEST_CASE("input, its end, and output, with the flags given back") {
    const Client client;
    const int flags = ::fcntl(client.near.get(), F_GETFL);
    {
        asio::io_context loop;
        StandardStreams streams(loop, client.near.get(), client.near_again.get(), client.near_err.get());
        std::array<char, 64> buffer{};
        CHECK(streams.take_input(buffer) == 0);
        CHECK_FALSE(streams.input_ended());
        REQUIRE(::write(client.far.get(), "hello", 5) == 5);
        CHECK(outcome(loop, streams.wait_input(no_deadline)) == true);
        CHECK(streams.take_input(buffer) == 5);
        CHECK(streams.put_output(OutputStream::out, "out") == 3);
        CHECK(streams.put_output(OutputStream::err, "err!") == 4);
        CHECK(::read(client.far.get(), buffer.data(), buffer.size()) == 3);
        CHECK(::read(client.far_err.get(), buffer.data(), buffer.size()) == 4);
        ::shutdown(client.far.get(), SHUT_WR);
        CHECK(outcome(loop, streams.wait_input(no_deadline)) == true);
        CHECK(streams.take_input(buffer) == 0);
        CHECK(streams.input_ended());
        CHECK_FALSE(streams.gone());
        CHECK(streams.bytes_in() == 5);
        CHECK(streams.bytes_out() == 7);
        CHECK(outcome(loop, streams.wait_input(std::chrono::steady_clock::now() + 50ms)) == false);
    }
    CHECK(::fcntl(client.near.get(), F_GETFL) == flags);
}

TEST_CASE("a client that closes is gone, though nobody reads or writes") {
    Client client;
    asio::io_context loop;
    StandardStreams streams(loop, client.near.get(), client.near_again.get(), client.near_err.get());
    ::shutdown(client.far.get(), SHUT_WR);
    std::array<char, 8> buffer{};
    CHECK(outcome(loop, streams.wait_input(no_deadline)) == true);
    CHECK(streams.take_input(buffer) == 0);
    CHECK_FALSE(outcome(loop, streams.wait_input(no_deadline), 50ms).has_value());
    client.far.reset();
    loop.restart();
    loop.run_for(200ms);
    CHECK(streams.gone());
}

TEST_CASE("a full output waits for room, and an interrupt ends the wait") {
    const Client client;
    asio::io_context loop;
    StandardStreams streams(loop, client.near.get(), client.near_again.get(), client.near_err.get());
    const std::string much(1 << 20, 'x');
    while (streams.put_output(OutputStream::out, much) > 0) {
    }
    CHECK(outcome(loop, streams.wait_output(std::chrono::steady_clock::now() + 50ms)) == false);
    streams.interrupt();
    CHECK(outcome(loop, streams.wait_output(no_deadline)) == true);
    std::string sink(1 << 20, '\0');
    REQUIRE(::read(client.far.get(), sink.data(), sink.size()) > 0);
    CHECK(outcome(loop, streams.wait_output(no_deadline)) == true);
    CHECK(streams.put_output(OutputStream::out, much) > 0);
}

TEST_CASE("a stderr that nobody reads is dropped; /dev/null is always ready and at its end") {
    std::signal(SIGPIPE, SIG_IGN);
    Client client;
    asio::io_context loop;
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    StandardStreams streams(loop, null.get(), client.near.get(), client.near_err.get());
    client.far_err.reset();
    CHECK(streams.put_output(OutputStream::err, "lost") == 4);
    CHECK_FALSE(streams.gone());
    std::array<char, 8> buffer{};
    CHECK(outcome(loop, streams.wait_input(no_deadline)) == true);
    CHECK(streams.take_input(buffer) == 0);
    CHECK(streams.input_ended());
}

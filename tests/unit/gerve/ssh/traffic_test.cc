#include "gerve/ssh/traffic.h"

#include <doctest/doctest.h>

#include "gerve/ssh/packet_fields.h"
#include "tests/unit/gerve/ssh/packets.h"

using namespace gerve::ssh;
using namespace packets;
using Verdict = Traffic::Verdict;

namespace {

constexpr std::uint32_t ours = 43;
constexpr std::uint32_t theirs = 7;

// A channel that was opened and asked to run something.
Traffic opened(std::uint32_t window = 64'000, std::uint32_t largest_packet = 32'768) {
    Traffic traffic;
    const std::string open = text("session") + number(theirs) + number(1 << 20) + number(largest_packet);
    CHECK(traffic.receive(message::channel_open, open) == Verdict::serve);
    traffic.send(message::channel_open_confirmation,
                 number(theirs) + number(ours) + number(window) + number(32'000));
    return traffic;
}

std::string exec() {
    return number(ours) + text("exec") + std::string(1, '\1') + text("git-upload-pack 'a/b'");
}

std::string data(std::size_t size) {
    return number(ours) + text(std::string(size, 'x'));
}

std::string adjustment(std::uint32_t bytes) {
    return number(ours) + number(bytes);
}

void send_data(Traffic& traffic, std::size_t size) {
    traffic.send(message::channel_data, number(theirs) + text(std::string(size, 'y')));
}

}  // namespace

TEST_CASE("data behind our CLOSE is dropped within its window, and earns nothing") {
    Traffic traffic = opened(1'000);
    traffic.send(message::channel_close, number(theirs));
    CHECK(traffic.receive(message::channel_data, data(600)) == Verdict::drop);
    CHECK(traffic.receive(message::channel_data, data(600)) == Verdict::window_exceeded);
}

TEST_CASE("a number that the client gives to two open channels ends the connection") {
    Traffic traffic = opened();
    traffic.send(message::channel_close, number(theirs));
    traffic.send(message::channel_open_confirmation,
                 number(theirs) + number(ours + 1) + number(1'000) + number(32'000));
    CHECK(traffic.receive(message::channel_data, data(1)) == Verdict::number_given_twice);

    Traffic in_turn = opened();
    CHECK(in_turn.receive(message::channel_close, number(ours)) == Verdict::serve);
    in_turn.send(message::channel_close, number(theirs));
    in_turn.send(message::channel_open_confirmation,
                 number(theirs) + number(ours + 1) + number(1'000) + number(32'000));
    CHECK(in_turn.receive(message::ignore, "") == Verdict::serve);
}

TEST_CASE("the window of a channel is granted to the byte") {
    Traffic traffic = opened(1'000);
    CHECK(traffic.receive(message::channel_data, data(600)) == Verdict::serve);
    CHECK(traffic.receive(message::channel_data, data(400)) == Verdict::serve);
    CHECK(traffic.receive(message::channel_data, data(1)) == Verdict::window_exceeded);
}

TEST_CASE("what was granted later counts, and for its own channel alone") {
    Traffic traffic = opened(10);
    traffic.send(message::channel_open_confirmation,
                 number(theirs + 1) + number(ours + 1) + number(10) + number(9));
    traffic.send(message::channel_window_adjust, number(theirs) + number(90));
    CHECK(traffic.receive(message::channel_data, data(100)) == Verdict::serve);
    const std::string other = number(ours + 1) + text(std::string(11, 'x'));
    CHECK(traffic.receive(message::channel_data, other) == Verdict::window_exceeded);
}

TEST_CASE("extended data of a client exceeds every window") {
    Traffic traffic = opened();
    const std::string one_byte = number(ours) + number(1) + text("x");
    CHECK(traffic.receive(message::channel_extended_data, one_byte) == Verdict::window_exceeded);
}

TEST_CASE("data behind the end of a channel is dropped") {
    Traffic traffic = opened();
    CHECK(traffic.receive(message::channel_eof, number(ours)) == Verdict::serve);
    CHECK(traffic.receive(message::channel_data, data(5)) == Verdict::drop);
    CHECK(traffic.receive(message::channel_close, number(ours)) == Verdict::serve);
    CHECK(traffic.receive(message::channel_data, data(5)) == Verdict::drop);
}

TEST_CASE("a client that takes tiny packets is refused when it asks for something") {
    Traffic traffic = opened(64'000, 511);
    CHECK(traffic.receive(message::channel_request, exec()) == Verdict::tiny_packets);
    Traffic large_enough = opened(64'000, 512);
    CHECK(large_enough.receive(message::channel_request, exec()) == Verdict::serve);
}

TEST_CASE("data a byte at a time is no abuse") {
    Traffic traffic = opened(200'000);
    for (int i = 0; i < 100'000; ++i)
        REQUIRE(traffic.receive(message::channel_data, data(1)) == Verdict::serve);
    CHECK_FALSE(traffic.is_abuse(0));
}

TEST_CASE("window adjustments that answer data are no abuse, however small or large") {
    Traffic by_the_byte = opened();
    send_data(by_the_byte, 100'000);
    for (int i = 0; i < 100'000; ++i)
        (void)by_the_byte.receive(message::channel_window_adjust, adjustment(1));
    CHECK_FALSE(by_the_byte.is_abuse(0));
    Traffic generous = opened();
    for (int i = 0; i < 20'000; ++i) {
        send_data(generous, 1);
        (void)generous.receive(message::channel_window_adjust, adjustment(32'768));
    }
    CHECK_FALSE(generous.is_abuse(0));
}

TEST_CASE("what serves nothing is abuse") {
    struct Row {
        const char* what;
        std::uint8_t type;
        std::string payload;
    };
    for (const Row& row : {
             Row{"ignore", message::ignore, text("x")},
             Row{"debug", message::debug, std::string(1, '\0') + text("x") + text("")},
             Row{"global request", 80, text("x@example.org") + std::string(1, '\1')},
             Row{"channel request", message::channel_request,
                 number(ours) + text("env") + std::string(1, '\0')},
             Row{"channel open", message::channel_open, text("x11") + number(9) + number(9) + number(900)},
             Row{"no data", message::channel_data, data(0)},
             Row{"data of no channel", message::channel_data, number(99) + text("x")},
             Row{"adjustment by nothing", message::channel_window_adjust, adjustment(0)},
             Row{"adjustment behind nothing", message::channel_window_adjust, adjustment(1)},
             Row{"end of a channel", message::channel_eof, number(ours)},
             Row{"key exchange", message::kexinit, std::string(500, 'k')},
         }) {
        CAPTURE(row.what);
        Traffic traffic = opened();
        int sent = 0;
        while (!traffic.is_abuse(0) && sent < 10'000) {
            (void)traffic.receive(row.type, row.payload);
            ++sent;
        }
        CHECK(traffic.is_abuse(0));
        CHECK(sent > 300);
        CHECK_FALSE(traffic.is_abuse(10'000));  // keepalives, over hours
    }
}

TEST_CASE("packets of unknown kinds are counted by their answers") {
    Traffic traffic = opened();
    for (int i = 0; i < 5'000; ++i) traffic.send(message::unimplemented, number(1));
    CHECK(traffic.is_abuse(0));
}

TEST_CASE("many commands over one connection are no abuse") {
    Traffic traffic;
    for (std::uint32_t i = 0; i < 5'000; ++i) {
        (void)traffic.receive(message::channel_open,
                              text("session") + number(i) + number(1 << 20) + number(32'768));
        traffic.send(message::channel_open_confirmation,
                     number(i) + number(i) + number(1'000) + number(32'000));
        (void)traffic.receive(message::channel_request, number(i) + text("env") + std::string(1, '\0'));
        (void)traffic.receive(message::channel_request,
                              number(i) + text("exec") + std::string(1, '\1') + text("x"));
        (void)traffic.receive(message::channel_eof, number(i));
        traffic.send(message::channel_close, number(i));
        (void)traffic.receive(message::channel_close, number(i));
    }
    CHECK_FALSE(traffic.is_abuse(0));
}

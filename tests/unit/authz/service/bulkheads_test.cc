// Which statements get a turn once one of their kind is slow; the times are made up, but for the last.
#include "authz/service/bulkheads.h"

#include <doctest/doctest.h>

#include <list>

#include "authz/base/clock.h"

using namespace gerve;

namespace {

constexpr auto permission = StatementKind::permission;
constexpr auto repository = StatementKind::repository;

struct Threads {
    explicit Threads(unsigned count, std::chrono::milliseconds slow_after = std::chrono::seconds(100))
        : all(count, slow_after, [this](unsigned turns) { freed += turns; }) {
        for (unsigned i = 0; i < 2 * count; ++i) seats.emplace_back(all);
    }
    Bulkheads::Seat& seat(unsigned i) { return *std::next(seats.begin(), i); }
    // As the watchdog would, long after.
    void look_later() {
        for (auto& one : seats) (void)one.look(monotonic_now() + 1'000'000);
    }
    unsigned freed = 0;
    Bulkheads all;
    std::list<Bulkheads::Seat> seats;
};

}  // namespace

TEST_CASE("as long as its statements are quick, a kind takes as many threads as there are") {
    Threads threads(4);
    for (unsigned i = 0; i < 8; ++i) CHECK(threads.seat(i).take(permission));
    for (unsigned i = 0; i < 8; ++i) threads.seat(i).give_back();
    CHECK_FALSE(threads.all.is_slow(permission));
    CHECK(threads.freed == 0);
}

TEST_CASE("a kind that is slow gets its share beside those that are stalled, and other kinds all the rest") {
    Threads threads(8);  // a share of two
    CHECK(threads.seat(0).take(permission));
    threads.look_later();
    CHECK(threads.all.is_slow(permission));
    CHECK(threads.seat(1).take(permission));
    CHECK(threads.seat(2).take(permission));
    CHECK_FALSE(threads.seat(3).take(permission));
    CHECK_FALSE(threads.all.is_free(permission));
    for (unsigned i = 4; i < 16; ++i) CHECK(threads.seat(i).take(repository));
    CHECK_FALSE(threads.all.is_slow(repository));
}

TEST_CASE("so many may be stalled and no more, until one ends or is given up") {
    Threads threads(4);  // a share of one, and two that may be stalled
    for (unsigned i = 0; i < 2; ++i) {
        CHECK(threads.seat(i).take(permission));
        threads.look_later();
    }
    CHECK_FALSE(threads.seat(2).take(permission));
    threads.all.count_waiting(permission, +1);
    threads.seat(0).give_up();
    CHECK(threads.freed == 1);
    CHECK(threads.seat(2).take(permission));
    threads.seat(2).give_back();
    threads.seat(0).give_back();  // it ends at last, and counts no more
    CHECK(threads.seat(3).take(permission));
    threads.seat(3).give_back();
}

TEST_CASE("a kind is quick again when one of its statements was, and none is stalled") {
    Threads threads(4);
    CHECK(threads.seat(0).take(permission));
    threads.look_later();
    CHECK(threads.seat(1).take(permission));
    threads.seat(1).give_back();
    CHECK(threads.all.is_slow(permission));
    threads.seat(0).give_back();  // it ran for no time, whatever the watchdog thought
    threads.all.count_waiting(permission, +5);
    CHECK(threads.seat(1).take(permission));
    threads.seat(1).give_back();
    CHECK_FALSE(threads.all.is_slow(permission));
    for (unsigned i = 0; i < 4; ++i) CHECK(threads.seat(i).take(permission));
}

TEST_CASE("a statement that was slow makes its kind slow, though nobody looked") {
    Threads threads(4, std::chrono::milliseconds(0));
    CHECK(threads.seat(0).take(permission));
    threads.seat(0).give_back();
    CHECK(threads.all.is_slow(permission));
}

TEST_CASE("what got no turn is known by its error, whatever was put behind it") {
    for (std::size_t i = 0; i < statement_kind_count; ++i) {
        const auto kind = static_cast<StatementKind>(i);
        Error error = no_turn(kind).value();
        CHECK(waits_for_turn(error) == kind);
        error.detail += " (SHA256:abc)";
        CHECK(waits_for_turn(error) == kind);
    }
    CHECK_FALSE(
        waits_for_turn(Error{ErrorKind::unavailable, "", "key: malformed row, column 1"}).has_value());
}

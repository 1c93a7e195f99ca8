#include "authz/service/bulkheads.h"

#include <algorithm>

#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

// Statements that may be stalled before their kind gets no turn at all: with one, a connection that went dead
// by itself would stop the kind until it is given up.
constexpr unsigned least_stalled = 2;
// What is slow and quick by turns is logged this often.
constexpr std::int64_t quiet_time = 10'000;  // ms

std::string_view name_of(StatementKind kind) {
    return statement_kind_names[static_cast<std::size_t>(kind)];
}

}  // namespace

Bulkheads::Bulkheads(unsigned threads, std::chrono::milliseconds slow_after,
                     std::function<void(unsigned)> freed)
    : share_(std::max(1U, threads / 4)), slow_after_(slow_after.count()), freed_(std::move(freed)) {}

bool Bulkheads::is_free(StatementKind kind) const {
    const Kind& one = at(kind);
    return !one.slow || (one.running < share_ && one.stalled < std::max(share_, least_stalled));
}

void Bulkheads::note_slow(StatementKind kind) {
    Kind& one = at(kind);
    const std::int64_t now = monotonic_now();
    if (one.slow.exchange(true) || now < one.quiet) return;
    one.quiet = now + quiet_time;
    one.logged = true;
    log::warn("statements are slow: they may use only a share of the threads", {{"kind", name_of(kind)}});
}

void Bulkheads::note_quick(StatementKind kind) {
    Kind& one = at(kind);
    if (!one.slow || one.stalled > 0 || !one.slow.exchange(false)) return;
    if (one.logged.exchange(false)) log::info("statements are fast again", {{"kind", name_of(kind)}});
    if (const unsigned waiting = one.waiting; waiting > 0) freed_(waiting);
}

void Bulkheads::tell_free(StatementKind kind) {
    if (at(kind).waiting > 0 && is_free(kind)) freed_(1);
}

bool Bulkheads::Seat::take(StatementKind kind) {
    Kind& one = all_.at(kind);
    const unsigned others = one.running++;
    const bool may =
        !one.slow || (others < all_.share_ && one.stalled < std::max(all_.share_, least_stalled));
    if (!may) {
        --one.running;
        return false;
    }
    const auto now = static_cast<std::uint64_t>(monotonic_now());
    state_ = now << 8 | static_cast<std::uint64_t>(kind) << 2;
    return true;
}

void Bulkheads::Seat::give_back() {
    const std::uint64_t state = state_.exchange(0);
    const StatementKind kind = kind_of(state);
    Kind& one = all_.at(kind);
    if ((state & given_up_bit) == 0) --((state & stalled_bit) != 0 ? one.stalled : one.running);
    if (monotonic_now() - since(state) >= all_.slow_after_)
        all_.note_slow(kind);
    else if (one.slow)
        all_.note_quick(kind);
    all_.tell_free(kind);
}

bool Bulkheads::Seat::look(std::int64_t now) {
    std::uint64_t state = state_;
    if (state == 0) return false;
    if ((state & stalled_bit) != 0) return true;
    if (now - since(state) < all_.slow_after_) return false;
    Kind& one = all_.at(kind_of(state));
    ++one.stalled;  // before its own thread may take it off
    if (!state_.compare_exchange_strong(state, state | stalled_bit)) {
        --one.stalled;
        return false;
    }
    --one.running;
    all_.note_slow(kind_of(state));
    all_.tell_free(kind_of(state));
    return true;
}

void Bulkheads::Seat::give_up() {
    std::uint64_t state = state_;
    while (state != 0 && (state & given_up_bit) == 0) {
        if (!state_.compare_exchange_weak(state, state | stalled_bit | given_up_bit)) continue;
        Kind& one = all_.at(kind_of(state));
        --((state & stalled_bit) != 0 ? one.stalled : one.running);
        all_.note_slow(kind_of(state));
        return all_.tell_free(kind_of(state));
    }
}

}  // namespace gerve

#include <poll.h>
#include <sys/epoll.h>

#include <limits>
#include <set>

#include "authz/base/rationed_log.h"
#include "authz/service/server_desk.h"

namespace gerve {
namespace {

constexpr int tick = 20;  // ms: how late the watchdog may be
// Threads beside the first ones, for as many of those that hang, and these.
constexpr std::size_t more_places = 8;
// So long there have to be more threads than places before one may leave: a kind that is slow holds threads
// by turns.
constexpr std::int64_t crowded_for = 2'000;  // ms
// So long no thread came to wait for a question: what waits is now refused rather than kept waiting.
constexpr std::int64_t patience_with_all = 250;  // ms

Error hangs() {
    return Error{ErrorKind::unavailable, "", "the database has not answered in time"};
}

}  // namespace

void AuthzServer::keep_promises() {
    Desk own(*this);
    own.stands_in = true;
    pollfd stopped{stop_.get(), POLLIN, 0};
    while (::poll(&stopped, 1, tick) <= 0) {
        close_rations(monotonic_now());
        show_threads();  // a process that was to take our place, and did not, has shown its own
        refuse_late();
        dismiss_ended();
        while (all_hang(monotonic_now())) {
            stand_in(own);
            refuse_late();
            dismiss_ended();
        }
    }
    // What was taken is answered to the last.
    constexpr auto all = std::numeric_limits<std::int64_t>::max();
    std::unique_lock lock(working_mutex_);
    while (working_ > 0) {
        for (Desk* desk : desks_) answer_late(*desk, monotonic_now());
        refuse_parked(all);
        working_changed_.wait_for(lock, std::chrono::milliseconds(tick));
    }
    refuse_parked(all);
}

void AuthzServer::close_rations(std::int64_t now) {
    constexpr std::int64_t interval = 1'000;
    if (now - rations_closed_at_ < interval) return;
    rations_closed_at_ = now;
    rationed_log().close_due();
    // A trail that is open does so in a thread of its own, since its disk may stall.
    if (!parts_.audit->on()) parts_.audit->close_left_out();
}

void AuthzServer::refuse_late() {
    refuse_parked(monotonic_now());
    const std::lock_guard lock(working_mutex_);
    for (Desk* desk : desks_) answer_late(*desk, monotonic_now());
}

// Under working_mutex_, so that the desk stays. A peer that does not read is waited for once.
void AuthzServer::answer_late(Desk& desk, std::int64_t now) {
    const auto due = desk.take_due(now);
    if (!due) return;
    late_ += due->awaited.size();
    log_trouble("request not answered", hangs().detail);
    std::set<int> full;
    for (const auto& [connection, socket, id] : due->awaited) {
        if (full.contains(socket)) continue;
        if (!send_authz_message(socket, encode_error(id, hangs()))) full.insert(socket);
    }
}

// Joins the threads that have left, and puts others in the place of those that hang, or wait for a statement
// that is slow.
void AuthzServer::dismiss_ended() {
    std::size_t hanging = 0;
    {
        const std::lock_guard lock(working_mutex_);
        for (Desk* desk : desks_) hanging += desk->seat.look(monotonic_now()) || desk->abandoned ? 1 : 0;
    }
    for (auto worker = workers_.begin(); worker != workers_.end();) {
        if (!worker->ended) {
            ++worker;
            continue;
        }
        worker->thread.join();
        worker = workers_.erase(worker);
    }
    const std::size_t places = parts_.threads + std::min<std::size_t>(hanging, parts_.threads + more_places);
    while (workers_.size() < places) {
        hire();
        free_at_ = monotonic_now();  // it is about to have time
    }
    let_go(monotonic_now(), places);
}

// One at a time, and not before long.
void AuthzServer::let_go(std::int64_t now, std::size_t places) {
    surplus_ = 0;
    if (workers_.size() <= places) {
        crowded_since_ = 0;
    } else if (crowded_since_ == 0) {
        crowded_since_ = now;
    } else if (now - crowded_since_ > crowded_for) {
        surplus_ = 1;
    }
}

bool AuthzServer::all_hang(std::int64_t now) {
    const std::uint64_t turns = turns_;
    if (waiting_ > 0 || turns != seen_turns_) free_at_ = now;
    seen_turns_ = turns;
    pollfd stopped{stop_.get(), POLLIN, 0};
    return now - free_at_ > patience_with_all && ::poll(&stopped, 1, 0) == 0;
}

// One event in the place of the threads: without a directory, every question is answered unavailable.
void AuthzServer::stand_in(Desk& desk) {
    epoll_event event{};
    if (::epoll_wait(epoll_.get(), &event, 1, tick) <= 0) return;
    if (event.data.u64 <= stop_id) {
        accept_some();
    } else if (event.data.u64 == turn_id) {
        take_parked(desk);
    } else {
        take_messages(desk, event.data.u64);
        answer_taken(desk);
    }
}

}  // namespace gerve

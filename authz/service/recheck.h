// Recheck: asks the directory again and again whether what runs may still run, and ends what may not.
#pragma once

#include <chrono>
#include <functional>

#include "authz/os/stoppable_thread.h"
#include "authz/service/authz_metrics.h"
#include "authz/service/live_sessions.h"
#include "authz/store/directory.h"

namespace gerve {

// Among LiveSessions::subjects(): a subject, and one of its uses.
struct RecheckPlace {
    std::size_t subject = 0;
    std::size_t use = 0;
};

// How one round went. Only an answer of the directory ends anything in it: without one, all lives on.
struct RecheckRound {
    std::size_t lookups = 0;
    std::size_t ended = 0;
    bool unavailable = false;  // broken off, or nothing learned: the directory does not answer
    std::size_t left_out = 0;  // repositories, and holders of certificates, without an answer
    RecheckPlace first_left_out;
};

// Ends what runs by certificates whose time is over: the directory is not asked. How many sessions that were.
std::size_t end_expired(LiveSessions& live, UnixMillis now);

// One round: each key once, and what its holder does at each repository once. `pace` is called before each
// lookup; false breaks the round off. It begins `from` where the last one left something out: where the
// database is too slow for all, each has its turn.
[[nodiscard]] RecheckRound recheck(Directory& directory, LiveSessions& live, UnixMillis now,
                                   const std::function<bool()>& pace, RecheckPlace from = {});

// A thread with a connection of its own, which it opens when something is live for the first time: logins
// wait for none of this. At most 5,000 lookups a second.
class Recheck {
  public:
    // `live` and `counters` are not owned. `every`: from the end of a round to the beginning of the next.
    Recheck(LiveSessions& live, Connect connect, std::optional<Route> local, std::chrono::milliseconds every,
            LiveCounters& counters);
    Recheck(const Recheck&) = delete;
    Recheck& operator=(const Recheck&) = delete;

    // Whether the thread has ended in time; one that hangs in its database has to die with the process.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience) { return thread_.stop(patience); }

  private:
    void run(StoppableThread& thread);

    LiveSessions& live_;
    Connect connect_;
    std::optional<Route> local_;
    std::chrono::milliseconds every_;
    LiveCounters& counters_;
    StoppableThread thread_;
};

}  // namespace gerve

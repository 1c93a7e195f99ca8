// DatabaseLink: one thread's connection to the database, replaced when it breaks, with growing pauses.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "authz/base/alarm.h"
#include "authz/base/backoff.h"
#include "authz/store/database.h"

namespace gerve {

// A connection that broke is replaced at once. Only attempts to connect that fail are followed by a pause: it
// grows from 50 ms to 1.5 s. A request is never the probe: maintain() is called between requests. What
// happens again and again is logged every ten seconds.
class DatabaseLink {
  public:
    // `policy`: the one that is compared over it, for the log; empty: it serves.
    explicit DatabaseLink(Connect connect, std::string_view policy = "")
        : connect_(std::move(connect)), policy_(policy) {}

    // Drops a broken connection, and opens another when the time has come. Whether get() has changed.
    bool maintain();
    // Milliseconds until maintain() has something to do.
    [[nodiscard]] int next_turn() const;
    // Null while there is none.
    [[nodiscard]] Database* get() const { return database_.get(); }

  private:
    static constexpr std::int64_t quiet_time = 10'000;  // ms
    // Service is to be back within 2 s of the server.
    static constexpr std::chrono::milliseconds longest_pause{1'500};

    Connect connect_;
    std::string policy_;
    std::unique_ptr<Database> database_;
    std::int64_t due_ = 0;  // monotonic_now() of the next attempt
    Backoff pauses_{std::chrono::milliseconds(50), longest_pause};
    Alarm dropped_{quiet_time};
    Alarm away_{quiet_time};
};

}  // namespace gerve

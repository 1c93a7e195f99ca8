// LastUses: writes when and from where each key was last used into the table key_last_used.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "authz/audit/events.h"
#include "authz/audit/rows.h"
#include "authz/audit/signature_counters.h"
#include "authz/base/alarm.h"
#include "authz/base/audit_counters.h"
#include "authz/os/stoppable_thread.h"
#include "authz/store/database_link.h"

namespace gerve {

struct KeyUse {
    std::int64_t at = 0;  // UnixMillis
    std::string address;
    CountedUse counted{};  // the highest signature counter of a security key
};
using KeyUses = std::map<std::int64_t, KeyUse>;  // by the key's number: its latest use

// Adds the uses in `rows` to `uses`; of two uses of one key the later stays.
void add_uses(KeyUses& uses, const std::vector<AuditRow>& rows);
// A use older than the table's changes nothing, and a key that was deleted meanwhile is passed over.
// Error: unavailable.
[[nodiscard]] Result<void> write_uses(Database& database, const KeyUses& uses, bool with_counters = true);

// A thread and a connection of its own: the trail is worth more than this, and must not wait for it. What the
// table does not take is kept, the latest use of each key, and written when it does; what is kept when the
// process ends is lost.
class LastUses {
  public:
    // `connect`: may INSERT into and UPDATE key_last_used. `counters` must outlive it. `tell` is called by
    // its thread when the signature counter of a key fell.
    using Tell = std::function<void(const CounterFell&)>;
    LastUses(Connect connect, AuditCounters& counters, Tell tell);
    LastUses(const LastUses&) = delete;
    LastUses& operator=(const LastUses&) = delete;

    // Returns at once. Called by any thread.
    void note(const std::vector<AuditRow>& rows);
    // Writes what was noted, if the database answers within `patience`. Whether the thread ended.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience) { return thread_.stop(patience); }

    static constexpr std::size_t max_kept = 100'000;    // keys
    static constexpr std::size_t max_counted = 10'000;  // logins by security keys that wait to be judged

  private:
    void work(StoppableThread& thread);
    [[nodiscard]] KeyUses take();
    void put_back(KeyUses uses);
    [[nodiscard]] bool find_table(Database& database);
    void judge_counters(Database& database);
    void note_failure(const Error& error);

    AuditCounters& counters_;
    DatabaseLink link_;
    Alarm alarm_;
    Tell tell_;
    SignatureCounters signature_counters_;
    bool has_table_ = false;
    bool has_counters_ = false;    // its columns for counters: another program's table may lack them
    std::int64_t look_again_ = 0;  // monotonic_now(): for a table that is not there

    std::mutex mutex_;
    KeyUses noted_;
    std::vector<AuditRow> counted_;
    StoppableThread thread_;
};

}  // namespace gerve

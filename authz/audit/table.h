// AuditTable: brings the events of the audit file into the table audit_events, with the file as spool.
#pragma once

#include <atomic>
#include <functional>

#include "authz/audit/last_used.h"
#include "authz/audit/spool.h"
#include "authz/base/alarm.h"
#include "authz/base/audit_counters.h"
#include "authz/os/stoppable_thread.h"
#include "authz/store/database.h"
#include "authz/store/database_link.h"

namespace gerve {

struct AuditTableParts {
    std::string file;
    Connect connect;                     // may INSERT into audit_events, and INSERT and UPDATE key_last_used
    std::function<Result<void>()> sync;  // brings the file to the disk: a row is never ahead of it
    AuditCounters* counters;
    LastUses::Tell counter_fell{};  // by another thread than calls the rest
};

// A thread of its own. How far it got is asked of the table itself, so each event arrives once: whatever
// happened to a batch whose answer did not come. LastUses learns of proven keys from the same batches.
// Of two processes that have the file, one inserts; the other waits until it is gone.
class AuditTable {
  public:
    explicit AuditTable(AuditTableParts parts);
    AuditTable(const AuditTable&) = delete;
    AuditTable& operator=(const AuditTable&) = delete;

    // Takes what is in the file by now, if the database answers within `patience`. Whether the thread ended.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  private:
    void work(StoppableThread& thread);
    [[nodiscard]] bool have_turn();
    [[nodiscard]] bool find_table(Database& database);
    [[nodiscard]] bool insert_some(Database& database);
    [[nodiscard]] Result<std::uint64_t> progress_of(const std::string& chain);
    void note_failure(const Error& error);
    void show_lag();

    AuditTableParts parts_;
    DatabaseLink link_;
    LastUses last_uses_;
    Spool spool_;
    Fd turn_;  // locked while this process inserts
    bool has_turn_ = false;
    bool has_events_ = false;      // the table, on this connection
    std::int64_t look_again_ = 0;  // monotonic_now(): for tables that are not there
    Alarm alarm_;
    std::size_t brought_ = 0;       // events, since the last pause
    bool takes_events_ = false;     // the last time they were brought
    std::int64_t look_at_lag_ = 0;  // monotonic_now(): while the table takes nothing

    StoppableThread thread_;
};

}  // namespace gerve

// What authz counts of its audit trail; nothing but numbers, so that the metrics process can show them.
#pragma once

#include "authz/base/metrics.h"

namespace gerve {

struct AuditCounters {
    Counter events;          // written to the file
    Counter write_failures;  // a write that the file system refused; what it held is kept and tried again
    Counter lost;            // events that found no room in memory while the file could not be written
    Counter left_out;        // events of strangers that were counted rather than written one by one
    Counter unrecorded;      // pushes refused because their decision could not be written
    Counter syncs;           // fdatasync() of the file
    Counter sync_failures;
    Gauge failing;  // 1 while the file cannot be written
    Gauge waiting;  // events in memory, because of that

    Counter rows;          // inserted into the table
    Counter row_failures;  // batches that the database did not take; they are tried again
    Counter row_gaps;      // events that are in no file any more and will not get into the table
    Gauge row_backlog;     // bytes of the file that the table has not got yet

    Counter last_use_failures;  // tries to write key_last_used that the database did not take; tried again
    Gauge last_uses_waiting;    // keys whose last use is not in the table yet
};

}  // namespace gerve

// What is counted about Redis.
#pragma once

#include "authz/base/metrics.h"

namespace gerve {

// How look-ups and what belongs to them went, over all threads since the start.
struct RedisCounters {
    Counter found;
    Counter missing;
    Counter unavailable;  // asked, and no usable answer
    Counter skipped;      // not asked: Redis is known to be away
    Counter repaired;     // missing keys that were set
    Counter connections;  // opened
    Counter failures;     // broken, or not opened
    Gauge live;           // 1 while Redis is believed to answer
};

}  // namespace gerve

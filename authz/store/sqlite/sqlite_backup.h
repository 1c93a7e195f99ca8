// A whole copy of an SQLite directory while it is in use, and putting one back.
#pragma once

#include <cstdint>
#include <string>

#include "authz/base/clock.h"
#include "authz/base/result.h"

namespace gerve {

struct BackupFacts {
    int schema = 0;             // version of its tables
    std::int64_t accounts = 0;  // users and organisations
    std::int64_t keys = 0;      // user and deploy keys
    std::string former;         // of a restore: where the database of before is kept; empty: there was none
};

// Writes all of `database` as it is at one moment to the new file `into` (mode 0600), checks it and brings it
// to the disk. Readers and writers go on meanwhile. Errors: client (`into` is there, or cannot be made),
// unavailable.
[[nodiscard]] Result<BackupFacts> backup_sqlite(const std::string& database, const std::string& into);

// Puts a copy of `from` in the place of `database`, at once or not at all: first it is checked (whole, of
// this program's schema or an older one, which is brought up to date). The database of before is kept beside
// it under a name with `now` in it. Processes that have it open go on with the new one within a second.
// Errors: client (`from` is damaged, no directory of Gerve's, or of a newer schema), unavailable.
[[nodiscard]] Result<BackupFacts> restore_sqlite(const std::string& from, const std::string& database,
                                                 UnixMillis now);

}  // namespace gerve

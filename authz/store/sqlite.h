// The embedded directory: Database over one SQLite file in write-ahead mode.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "authz/store/database.h"

namespace gerve {

enum class SqliteMode {
    read_only,   // the file must be there
    read_write,  // made (0600) when missing
};

// Waits at most `patience` for a lock that another process holds. The file is looked at here, so that one
// that is missing, unreadable or no database is told now. Error: unavailable.
// A connection whose file was deleted or replaced answers unavailable within a second.
[[nodiscard]] Result<std::unique_ptr<Database>> open_sqlite(const std::string& file, SqliteMode mode,
                                                            std::chrono::milliseconds patience);

}  // namespace gerve

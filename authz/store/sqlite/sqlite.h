// The embedded directory: Database over one SQLite file in write-ahead mode.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "authz/store/database.h"

namespace gerve {

enum class SqliteMode {
    read_only,            // the file must be there
    read_write,           // made (0600) when missing, unless it had been there
    read_write_existing,  // the file must be there
};

// Waits at most `patience` for a lock that another process holds. The file is looked at here, so that one
// that is missing, unreadable or no database is told now. Error: unavailable.
// When the file was replaced, a reader opens the new one by itself; a writer is broken(), since what it knows
// of the file's content holds no more. Of any other change to the files by something other than SQLite
// (sqlite_file.h) a connection answers unavailable within a second, and is broken().
[[nodiscard]] Result<std::unique_ptr<Database>> open_sqlite(const std::string& file, SqliteMode mode,
                                                            std::chrono::milliseconds patience);

}  // namespace gerve

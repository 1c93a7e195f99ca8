// The schema of the directory: its versions, and the way from one to the next. Forward only.
#pragma once

#include <string>

#include "authz/store/database.h"

namespace gerve {

// The version that this program works with.
[[nodiscard]] int current_schema_version();

// All files of a dialect, in order, as one SQL script (`gerve schema print`). Applied by hand, it leaves no
// version behind: migrate_schema() or the INSERT at its end records it.
[[nodiscard]] std::string schema_text(Dialect dialect);

// The version in the database; 0 when it holds none of our tables.
[[nodiscard]] Result<int> read_schema_version(Database& database);

// Brings the database to current_schema_version(); returns the version it had. Safe to run twice, and by two
// at once. Errors: client (the database is newer than this program), unavailable.
[[nodiscard]] Result<int> migrate_schema(Database& database);

// Error client, with the remedy, unless the database has exactly current_schema_version().
[[nodiscard]] Result<void> check_schema(Database& database);

}  // namespace gerve

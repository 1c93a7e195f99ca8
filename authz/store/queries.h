// Bring your own schema: a Database that puts the directory's questions in the operator's words, to his
// tables.
#pragma once

#include <memory>
#include <string>

#include "authz/model/own_query.h"
#include "authz/store/database.h"

namespace gerve {

// Prepares a statement. Errors: client (it cannot be prepared, or its answer lacks columns, which are named),
// unavailable.
[[nodiscard]] Result<void> check_own_query(Database& database, const std::string& name,
                                           const OwnQuery& query);

// Errors: those of check_own_query, which each statement passes first; but one that cannot be prepared (its
// table or its grant is not there) is logged, and tried again when it is asked.
[[nodiscard]] Result<std::unique_ptr<Database>> with_own_queries(std::unique_ptr<Database> database,
                                                                 std::shared_ptr<const OwnQueries> queries);

}  // namespace gerve

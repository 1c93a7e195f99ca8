// A Database over a forge's tables: it holds the directory's statements for them, and notices when the tables
// become those of another version.
#pragma once

#include <memory>
#include <optional>

#include "authz/model/route.h"
#include "authz/store/database.h"
#include "authz/store/forge_statements.h"

namespace gerve {

// What all connections to a forge's tables have in common.
struct ForgeTables {
    ForgeTables(const ForgeRules& of, std::optional<Route> where)
        : rules(of), statements(of), file_server(std::move(where)) {}
    ForgeRules rules;
    ForgeStatements statements;
    std::optional<Route> file_server;  // of all repositories; nothing: the agent of this machine
};

// Errors: client (the tables are not those of the version that is configured), unavailable.
[[nodiscard]] Result<void> check_forge_tables(Database& database, const ForgeRules& rules);

// The tables are looked at now, and again every minute. As long as they do not fit, each statement is
// answered unavailable. Error: unavailable.
[[nodiscard]] Result<std::unique_ptr<Database>> with_forge(std::unique_ptr<Database> database,
                                                           std::shared_ptr<const ForgeTables> tables);

}  // namespace gerve

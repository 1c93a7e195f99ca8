// Audit events as rows of the table audit_events, and how many of them go in at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/audit/spool.h"
#include "authz/store/database.h"

namespace gerve {

struct AuditRow {
    std::string chain;  // 16 bytes
    std::int64_t seq = 0;
    std::int64_t happened_at = 0;  // UnixMillis
    std::string gateway;
    std::string kind;
    bool denied = false;
    std::optional<std::string> fingerprint;  // 32 bytes
    std::optional<std::string> account;
    std::optional<std::string> repository;
    std::optional<std::string> address;
    std::string body;
    std::int64_t proven_key = 0;    // its number, of a proof; else 0
    std::uint32_t counter = 0;      // of a proof by a security key that counts; else 0
    std::int64_t connected_at = 0;  // of such a proof's connection; UnixMillis, 0: not known
};
[[nodiscard]] std::vector<AuditRow> rows_of(const std::vector<SpooledLine>& lines);

struct AuditRowsDone {
    std::uint64_t inserted = 0;
    std::uint64_t refused = 0;  // rows that the database takes in no form; logged
};
// In order, by statements that each take some of them whole or not at all: so the highest number of a chain
// shows how far it got. Error: unavailable.
[[nodiscard]] Result<AuditRowsDone> insert_audit_rows(Database& database, const std::vector<AuditRow>& rows);

// The events that a statement finds, as JSON: it selects their bodies. Errors: client, unavailable.
[[nodiscard]] Result<std::vector<std::string>> read_bodies(Database& database, const Statement& statement,
                                                           Binds binds);

}  // namespace gerve

// Which audit events `gerve audit` shows, and how.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "authz/audit/event_kind.h"
#include "authz/base/address.h"
#include "authz/base/clock.h"
#include "authz/model/login.h"
#include "authz/model/public_key.h"
#include "authz/model/repo_path.h"
#include "gerve/cli/audit_rows.h"
#include "gerve/cli/command.h"

namespace gerve {

// What is given has to hold, all of it together.
struct AuditFilter {
    std::optional<Fingerprint> key;
    std::optional<Login> user;  // as the one who acted, or whom a command was about
    std::optional<RepoPath> repo;
    std::optional<Network> address;
    std::optional<UnixMillis> since;
    std::optional<UnixMillis> until;
    std::optional<EventKind> event;
    std::string request;  // 32 hex digits
    bool denied = false;
    // Of pushes: with a ref of that name, that was forced, that was deleted; all of it of one and the same.
    std::string ref;
    bool forced = false;
    bool deleted = false;

    [[nodiscard]] bool takes(const AuditJson& event) const;
    [[nodiscard]] bool takes_ref(const AuditJson& change) const;
    // Of the refs of a push: a row shows the first.
    void put_matches_first(AuditJson& one) const;
};

// "2026-01-31T12:00:00Z", or 90s, 15m, 2h, 7d before now. Error: client.
[[nodiscard]] Result<UnixMillis> parse_past(std::string_view text, UnixMillis now);
[[nodiscard]] Setter past_into(std::optional<UnixMillis>& into);

// Of an event, for a person: who acted, or "-"; "2026-01-31 12:00:00". Put audit_who() through shown().
[[nodiscard]] std::string audit_who(const AuditJson& event);
[[nodiscard]] std::string audit_clock(const AuditJson& event);

// One line for a person, and the headings above.
[[nodiscard]] std::string audit_heading();
[[nodiscard]] std::string audit_row(const AuditJson& event);

}  // namespace gerve

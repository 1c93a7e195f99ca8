// The kinds of events in the audit trail; docs/audit.md tells what each is about. How a row of `gerve audit`
// tells of it stands in gerve/cli/audit_rows.cc, which does not compile without one of them.
#pragma once

#include "authz/base/enum_names.h"

namespace gerve {

enum class EventKind {
    offered,
    proven,
    refused,
    decision,
    push,
    session,
    ended,
    left_out,
    admin,
    service,
    trail,
    lost,
    counter_fell,
    differed,
    compared,
};
constexpr std::array<std::string_view, 15> event_kind_names{
    "offered", "proven",  "refused", "decision", "push",         "session",  "ended",   "left-out",
    "admin",   "service", "trail",   "lost",     "counter-fell", "differed", "compared"};

[[nodiscard]] constexpr std::string_view event_kind_name(EventKind kind) {
    return name_in(event_kind_names, kind);
}
// Nothing: a kind of another version.
[[nodiscard]] constexpr std::optional<EventKind> parse_event_kind(std::string_view name) {
    return find_in<EventKind>(event_kind_names, name);
}

}  // namespace gerve

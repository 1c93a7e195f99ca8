// The kinds of events in the audit trail; docs/audit.md tells what each is about. How a row of `gerve audit`
// tells of it stands in gerve/cli/audit_rows.cc, which does not compile without one of them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace gerve {

enum class EventKind {
    offered,
    proven,
    refused,
    decision,
    session,
    ended,
    left_out,
    admin,
    service,
    trail,
    lost,
};
constexpr std::array<std::string_view, 11> event_kind_names{"offered", "proven", "refused",  "decision",
                                                            "session", "ended",  "left-out", "admin",
                                                            "service", "trail",  "lost"};

[[nodiscard]] constexpr std::string_view event_kind_name(EventKind kind) {
    return event_kind_names[static_cast<std::size_t>(kind)];
}
// Nothing: a kind of another version.
[[nodiscard]] constexpr std::optional<EventKind> parse_event_kind(std::string_view name) {
    for (std::size_t i = 0; i < event_kind_names.size(); ++i) {
        if (event_kind_names[i] == name) return static_cast<EventKind>(i);
    }
    return std::nullopt;
}

}  // namespace gerve

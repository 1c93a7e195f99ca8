// An audit sink as the tests open it, and whose events it gets.
#pragma once

#include <chrono>
#include <optional>

#include "authz/audit/audit.h"
#include "tests/unit/authz/service/fixture.h"

namespace gerve::testing {

inline const std::optional<KnownKey> alice =
    KnownKey{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};

inline AuditSettings settings_in(const TemporaryDirectory& directory) {
    return {.trail = {directory.file("audit.jsonl"), directory.file("audit.key"), "gw1"},
            .sync_interval = std::chrono::hours(1)};
}

}  // namespace gerve::testing

// What a row of `gerve audit` says of an event, by its kind.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace gerve {

using AuditJson = nlohmann::json;  // an event, or an object in it

// A member as text; empty: there is none.
[[nodiscard]] std::string text_in(const AuditJson& object, const char* name);

// The texts in an array; none: there is no such array.
[[nodiscard]] std::vector<std::string> texts_in(const AuditJson& object, const char* name);

// All of these hold bytes of clients: put them through one_line() or shown().

// One of the refs of a push: "update refs/heads/main 0123456789..abcdef0123: taken".
[[nodiscard]] std::string ref_change_text(const AuditJson& change);
// Of a decision, or what a policy says: "deny: no-read-access".
[[nodiscard]] std::string decision_text(const AuditJson& decision);
[[nodiscard]] std::string audit_what(const AuditJson& event);
[[nodiscard]] std::string audit_result(const AuditJson& event);

}  // namespace gerve

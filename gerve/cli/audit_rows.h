// What a row of `gerve audit` says of an event, by its kind.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gerve {

// A member as text; empty: there is none.
[[nodiscard]] std::string text_in(const nlohmann::json& object, const char* name);

// Untrusted, as they are returned.
[[nodiscard]] std::string audit_what(const nlohmann::json& event);
[[nodiscard]] std::string audit_result(const nlohmann::json& event);

}  // namespace gerve

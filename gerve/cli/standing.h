// How commands print what somebody can do in a repository, and by which rule.
#pragma once

#include <string>
#include <string_view>

#include "authz/store/records.h"
#include "gerve/cli/output.h"

namespace gerve {

// "team acme/devs": the rule, and whom it leads through.
[[nodiscard]] std::string way_text(const AccessWay& way);

// A cell that tells the rule that decides; and where something stands against the way, what the way would
// give: "suspended (write by collaborator)", "owner (admin once unarchived)". `stands_against`: empty, or the
// word for what does so besides the rules.
[[nodiscard]] std::string because_text(const Standing& standing, std::string_view stands_against = {});

// The members that say the same in JSON: access, because, via, granted, also. `because` may be another word.
void add_standing(Json& to, const Standing& standing, std::string_view stands_against = {});

}  // namespace gerve

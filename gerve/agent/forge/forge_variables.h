// What the hooks of a push are told beside GERVE_*: the variables of the ticket that this agent allows, and
// those that it sets itself.
#pragma once

#include <optional>

#include "authz/base/result.h"
#include "authz/model/ticket.h"
#include "gerve/agent/forge/forge_settings.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {

// Whether the hooks of a push may run with what the ticket says. A variable that is not allowed, and, before
// a Forgejo or Gitea, one that is missing or says something else than the rest of the ticket, is an error:
// hooks that decide by half of what they need decide wrongly. Error: client, naming the variable.
[[nodiscard]] Result<void> check_hook_variables(const std::optional<ForgeSettings>& forge, const Open& open);

// Adds HOME, what git itself needs of the forge, and, for a push, the variables of hooks, which have passed
// check_hook_variables().
void add_forge_environment(GitEnvironment& environment, const ForgeSettings& forge, const Open& open);

}  // namespace gerve

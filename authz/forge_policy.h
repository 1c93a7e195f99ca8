// decide_forge(): may somebody run this service on a repository of a Forgejo or Gitea, by the forge's own
// rules. Pure: reads no clock and does no I/O.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "authz/model/decision.h"
#include "authz/model/forge_facts.h"
#include "authz/model/service.h"

namespace gerve {

struct ForgeQuestion {
    Service service = Service::upload_pack;
    ForgeUnit unit = ForgeUnit::code;
};

// A user, or a deploy key by its row for the repository. Nothing: there is no such user, or the repository
// does not accept the key.
using ForgeAsker = std::variant<std::optional<ForgeUser>, std::optional<ForgeDeployKey>>;

// The user's access to one unit of the repository, whatever state the two are in.
[[nodiscard]] ForgeMode forge_mode(const ForgeRules& rules, ForgeUnit unit, const ForgeUser& user,
                                   const ForgeRepository& repository);

// `repository` is nothing when the forge has none by the name that was asked for. Whoever may not read a
// repository gets the decision for one that does not exist, told in the same bytes.
[[nodiscard]] Decision decide_forge(const ForgeRules& rules, const ForgeQuestion& question,
                                    const ForgeAsker& asker,
                                    const std::optional<ForgeRepository>& repository);

// May anybody fetch it, without a login: a public repository of an owner whom everybody may see.
[[nodiscard]] Decision decide_forge_anonymously(const ForgeRules& rules, ForgeUnit unit,
                                                const std::optional<ForgeRepository>& repository);

}  // namespace gerve

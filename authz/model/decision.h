// Decision: what policy answered, and the rule that decided.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "authz/model/messages.h"

namespace gerve {

// The rule that decided; its name is what `gerve explain` and the audit trail say.
enum class Rule {
    owner,
    public_read,
    collaborator,
    team,
    organization,
    deploy_key,
    suspended,
    no_such_repository,
    no_read_access,
    no_write_access,
    archived,
    disabled,
    other_repository,  // a deploy key on a repository that is not its own
    read_only_deploy_key,
    unrecorded,          // allowed, had the audit trail taken it
    fetch_only_server,   // its file server is a git daemon
    lfs_off,             // Git LFS is not served
    other_organization,  // a certificate by another organisation's authority
    other_kind,          // a git client, and a repository of Mercurial; or the other way round
    // What the owning organisation asks of logins, and this one does not meet.
    post_quantum_required,
    touch_required,
    pin_required,
    // By the rules of a Forgejo or Gitea (authz/forge_policy).
    forge_access,            // what they allow a user in the unit that is asked for: its code, or its wiki
    mirror,                  // a copy of a repository elsewhere takes no pushes
    owner_disabled,          // its owner's account
    being_created,           // by a migration that has not ended
    broken,                  // by one that failed
    second_factor_required,  // the account has none
    wiki_disabled,
};
constexpr std::size_t rule_count = static_cast<std::size_t>(Rule::wiki_disabled) + 1;

[[nodiscard]] std::string_view rule_name(Rule rule);  // "owner", "public-read", …

struct Allow {
    Rule because;
};

struct Deny {
    std::string told;  // one line for the client, newline included
    Rule because;
    ExitStatus exit = ExitStatus::refused;
};

using Decision = std::variant<Allow, Deny>;

[[nodiscard]] inline bool allowed(const Decision& decision) {
    return std::holds_alternative<Allow>(decision);
}

}  // namespace gerve

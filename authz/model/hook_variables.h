// HookVariables: what the hooks of a push get in their environment beside GERVE_*, as authz knows it and a
// ticket carries it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

using NameValue = std::pair<std::string, std::string>;

// The client's command, to the byte, once it has passed the grammar of commands. authz alone sets it.
constexpr std::string_view original_command_variable = "SSH_ORIGINAL_COMMAND";

// What a Forgejo's or Gitea's hooks read of a push.
constexpr std::array<std::string_view, 11> variables_of_forges{
    original_command_variable, "GITEA_REPO_USER_NAME", "GITEA_REPO_NAME",
    "GITEA_REPO_IS_WIKI",      "GITEA_PUSHER_ID",      "GITEA_PUSHER_NAME",
    "GITEA_PUSHER_EMAIL",      "GITEA_REPO_ID",        "GITEA_KEY_ID",
    "GITEA_DEPLOY_KEY_ID",     "GITEA_ROOT_URL"};

// [A-Z][A-Z0-9_]*, at most HookVariables::max_name bytes, and neither of these:
//   - what changes how git, a shell, the loader or an interpreter works, or where they look for anything:
//     PATH, HOME, ENV, IFS, BASH_*, LD_*, GIT_*, …
//   - what the agent sets itself: GERVE_*, SSH_* (but SSH_ORIGINAL_COMMAND)
//   - GITEA_* and FORGEJO_* but variables_of_forges: some switch off checks, or lead a hook to another
//     installation
[[nodiscard]] bool is_hook_variable_name(std::string_view name);

// A set of variables, in the order in which they were added: each name once, each value without control
// characters. What exists is valid and fits in a ticket.
class HookVariables final {
  public:
    static constexpr std::size_t max_count = 32;
    static constexpr std::size_t max_name = 64;     // bytes
    static constexpr std::size_t max_value = 4096;  // bytes
    static constexpr std::size_t max_bytes = 8192;  // of all names and values

    // A value may be empty. Error: client; nothing is added then.
    [[nodiscard]] Result<void> add(std::string_view name, std::string_view value);
    // All of `others`, or none of them. Error: as add().
    [[nodiscard]] Result<void> add(const HookVariables& others);

    [[nodiscard]] const std::vector<NameValue>& list() const { return list_; }
    [[nodiscard]] bool empty() const { return list_.empty(); }
    // Null: it is not among them. Valid until the next add().
    [[nodiscard]] const std::string* find(std::string_view name) const;

    friend bool operator==(const HookVariables&, const HookVariables&) = default;

  private:
    std::vector<NameValue> list_;
    std::size_t bytes_ = 0;
};

}  // namespace gerve

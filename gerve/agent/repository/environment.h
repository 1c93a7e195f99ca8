// The environment of git and its hooks, built from nothing but the OPEN message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/ticket.h"

namespace gerve {

// What git and its hooks get, and nothing else.
struct GitEnvironment {
    std::vector<NameValue> config;       // as GIT_CONFIG_*: for this git, above all files
    std::vector<std::string> variables;  // "NAME=value": GIT_PROTOCOL, GERVE_*
    std::string home = "/nonexistent";   // by default no file of a user configures git

    // Whether `config` has a key that ends so, in small letters: ".hiderefs".
    [[nodiscard]] bool sets(std::string_view end) const;
    // "NAME=value" for each, in a fixed order: PATH, HOME, LANG, GIT_CONFIG_*, and the variables.
    [[nodiscard]] std::vector<std::string> lines() const;
};

// `path` is the repository's absolute path, the one directory that git may find owned by somebody else.
// Errors: client, for a variable or a configuration key that is not on the list, stands twice, or holds
// control characters.
[[nodiscard]] Result<GitEnvironment> git_environment(const Open& open, const std::string& path);

// What a gateway says of an operation by a variable of git's environment; empty: nothing.
[[nodiscard]] std::string variable_of(const Open& open, std::string_view name);

// The part that does not depend on an operation: what `git init` and `git fsck` get. `home`: empty, none.
[[nodiscard]] std::vector<std::string> plain_git_environment(const std::string& path,
                                                             const std::string& home = {});

[[nodiscard]] bool is_allowed_variable(std::string_view name);    // GERVE_USER, …
[[nodiscard]] bool is_allowed_git_config(std::string_view name);  // without regard to case

}  // namespace gerve

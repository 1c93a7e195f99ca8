// RepositoriesConfig: what new repositories are like, the table [repositories] of gerve.toml.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "authz/model/size_limits.h"

namespace gerve {

class TomlTable;

// Who may read a repository that nobody has given access to.
enum class Visibility { only_owner, everybody };
constexpr std::array<std::string_view, 2> visibility_names{"private", "public"};

struct RepositoriesConfig {
    Visibility default_visibility = Visibility::only_owner;  // of new repositories, unless a command says
    // For how long file servers keep what a push deleted or forced away; 0: they do not. At most ten years.
    std::chrono::days keep_lost{90};
    SizeLimits sizes;
};

[[nodiscard]] RepositoriesConfig read_repositories(TomlTable table);

}  // namespace gerve

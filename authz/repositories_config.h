// RepositoriesConfig: what new repositories are like, the table [repositories] of gerve.toml.
#pragma once

#include <array>
#include <string_view>

namespace gerve {

class TomlTable;

// Who may read a repository that nobody has given access to.
enum class Visibility { only_owner, everybody };
constexpr std::array<std::string_view, 2> visibility_names{"private", "public"};

struct RepositoriesConfig {
    Visibility default_visibility = Visibility::only_owner;  // of new repositories, unless a command says
};

[[nodiscard]] RepositoriesConfig read_repositories(TomlTable table);

}  // namespace gerve

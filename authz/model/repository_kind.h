// RepositoryKind: which program a repository is read and written by.
#pragma once

#include <array>
#include <string_view>

namespace gerve {

enum class RepositoryKind : int { git = 1, hg = 2 };

constexpr std::array<std::string_view, 2> repository_kind_names{"git", "hg"};

[[nodiscard]] constexpr std::string_view kind_name(RepositoryKind kind) {
    return repository_kind_names[static_cast<std::size_t>(kind) - 1];
}
// `name`: one of repository_kind_names.
[[nodiscard]] constexpr RepositoryKind kind_named(std::string_view name) {
    return name == repository_kind_names[0] ? RepositoryKind::git : RepositoryKind::hg;
}

// As a sentence calls it.
[[nodiscard]] constexpr std::string_view kind_title(RepositoryKind kind) {
    return kind == RepositoryKind::git ? "git" : "Mercurial";
}

}  // namespace gerve

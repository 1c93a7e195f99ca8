// inquire_forge(): from a principal and a git command to a decision, over a Forgejo's or Gitea's tables.
#pragma once

#include <vector>

#include "authz/service/inquiry.h"

namespace gerve {

// As inquire_access(), which calls it. Each refusal that hides a repository costs the same statements.
[[nodiscard]] Result<Inquiry> inquire_forge(Directory& directory, const Principal& principal, Service service,
                                            const RepoPath& repo, std::vector<Fact>* facts);

// As inquire_anonymously(), without the route.
[[nodiscard]] Result<Inquiry> inquire_forge_anonymously(Directory& directory, const RepoPath& repo);

}  // namespace gerve

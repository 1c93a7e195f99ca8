// The path in a client's URL, as the repository that it names.
#pragma once

#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"

namespace gerve {

// Before it is parsed, repeated slashes count as one, and those at its end are dropped, as a file system does
// for git behind a plain sshd. Nothing else is decoded or normalised (RepoPath::parse). Error: denied, and
// what the client is told names the form (messages::no_repository_path).
[[nodiscard]] Result<RepoPath> parse_url_path(std::string_view path);

namespace messages {

// To whoever asks for a path that no repository can have: it gives nothing away.
[[nodiscard]] std::string no_repository_path();

}  // namespace messages
}  // namespace gerve

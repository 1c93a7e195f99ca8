// The first packet of a git:// client: which service, which repository, which protocol (gitprotocol-pack(5)).
#pragma once

#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/git_command.h"

namespace gerve {

constexpr std::size_t git_request_header = 4;
constexpr std::size_t max_git_request =
    2048;  // bytes, header included: far more than any repository's name has

struct GitRequest {
    Service service;
    RepoPath repo;
    std::string git_protocol;  // the extra parameters as GIT_PROTOCOL has them: "version=2"; or empty
};

// Size of the whole packet once its first 4 bytes are there. Error: client.
[[nodiscard]] Result<std::size_t> git_request_size(std::string_view header);

// `packet` holds exactly git_request_size() bytes. The path is read as that of an SSH command; the host that
// the client names decides nothing. Errors: client (no such request), denied (a path that no repository can
// have, told as a missing repository).
[[nodiscard]] Result<GitRequest> parse_git_request(std::string_view packet);

}  // namespace gerve

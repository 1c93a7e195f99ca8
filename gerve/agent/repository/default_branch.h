// The default branch of a repository: the one that its HEAD names, which a clone checks out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/model/repo_path.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

// Whether there may be a branch: the next push is not the first one. In doubt there is one. Reads the disk.
[[nodiscard]] bool has_branches(const Fd& repository, const std::string& path, const std::string& head);

struct PushEnd {
    std::string new_head;       // the ref that HEAD was made to name; empty when HEAD stays
    bool head_is_kept = false;  // the branch that HEAD names was to be deleted, and is still there
};

// After the first push to a repository: when it has not made the branch that HEAD names, HEAD becomes `main`,
// else `master`, else the first of `pushed` (full names) that is there now. Runs git. Error: internal.
[[nodiscard]] Result<PushEnd> settle_default_branch(const GitPlace& place,
                                                    const std::vector<std::string>& pushed);

// After a push that was to delete the branch that HEAD names. Runs git. Error: internal.
[[nodiscard]] Result<PushEnd> look_for_kept_head(const GitPlace& place);

// What a client reads whose push was to delete that branch: how to go about it.
[[nodiscard]] std::string kept_head_text(const RepoPath& repo, std::string_view head);

// Makes HEAD name the branch. Runs git. Errors: denied (there is no such branch), internal.
[[nodiscard]] Result<void> set_default_branch(const GitPlace& place, std::string_view branch);

// "refs/heads/main" as "main".
[[nodiscard]] std::string_view branch_name(std::string_view ref);

}  // namespace gerve

// The pushes to a repository, as the audit trail has them.
#pragma once

#include <functional>

#include "authz/base/clock.h"
#include "authz/model/repo_path.h"
#include "gerve/cli/audit_view.h"

namespace gerve {

class Site;

// Takes one ref of a push: the event without its refs, and the ref as docs/audit.md has it. False: enough.
using EachRefChange = std::function<bool(const AuditJson& event, const AuditJson& change)>;

// The latest push first. Stops the command when the database does not answer.
void each_ref_change(Site& site, const RepoPath& path, UnixMillis since, const EachRefChange& each);

}  // namespace gerve

// Repositories of a declared state on their file servers: looked at before the directory is changed, and made
// afterwards. An entry is disabled until its repository is there, so that whatever interrupts this leaves
// nothing that a client could see, and applying again goes on with it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "authz/store/declared_changes.h"
#include "gerve/cli/site.h"

namespace gerve {

// Before the changes are made. Finds what stands in the way of those that concern a file server: it does not
// answer, or has a repository of a new one's name. Creates what an entry that is to be enabled lacks there;
// these are added to `ready`.
[[nodiscard]] std::vector<RefusedChange> prepare_on_disk(Site& site,
                                                         const std::vector<DeclaredChange>& changes,
                                                         std::set<RepoPath>& ready);

// Whether a change enables an entry that is not `ready`.
[[nodiscard]] bool enables_unprepared(const std::vector<DeclaredChange>& changes,
                                      const std::set<RepoPath>& ready);

// Once they are made: creates the new repositories and enables their entries. Returns what could not be, one
// text for each.
[[nodiscard]] std::vector<std::string> create_on_disk(Site& site, const std::vector<DeclaredChange>& changes);

}  // namespace gerve

// Repositories of a declared state on their file servers: looked at before the directory is changed, and made
// afterwards. An entry is disabled until its repository is there, so that whatever interrupts this leaves
// nothing that a client could see, and applying again goes on with it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "authz/store/declared_changes.h"
#include "gerve/cli/site.h"

namespace gerve {

// What is found of the repositories before the changes are made.
struct DiskFindings {
    std::vector<RefusedChange> refused;    // a file server has a repository of a new one's name
    std::set<RepoPath> ready;              // to be enabled, and there
    std::map<RepoPath, std::string> held;  // cannot be created or reached now, and why
};

// Looks at those that changes create or enable, and creates what an entry that is to be enabled lacks.
[[nodiscard]] DiskFindings prepare_on_disk(Site& site, const std::vector<DeclaredChange>& changes);

// Takes out what has to wait: enabling an entry that is `held`, and all that is about a new one. So one file
// server that is away keeps no other change from being made.
void hold_back(std::vector<DeclaredChange>& changes, const std::map<RepoPath, std::string>& held);

// Whether a change enables an entry that is not `ready`.
[[nodiscard]] bool enables_unprepared(const std::vector<DeclaredChange>& changes,
                                      const std::set<RepoPath>& ready);

// Once they are made: creates the new repositories and enables their entries. Returns what could not be, one
// text for each.
[[nodiscard]] std::vector<std::string> create_on_disk(Site& site, const std::vector<DeclaredChange>& changes);

}  // namespace gerve

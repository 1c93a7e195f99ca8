// Taking over a repository that is on a file server already: what `repo adopt` and `import repositories`
// share.
#pragma once

#include <optional>
#include <string>

#include "authz/model/repo_path.h"
#include "authz/store/records.h"
#include "gerve/agent/repository/inspection.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/site.h"

namespace gerve {

struct Takeover {
    RepoPath repo;          // with its owner as stored
    std::string directory;  // on the file server
    bool in_place = false;  // where the layout files it: nothing is moved
    bool is_public = false;
    std::optional<RepositoryRecord> entry;  // which a command left that was interrupted
};

// The entry comes first: it gives the number by which a file server may file the repository. Then the file
// server moves the directory; if it refuses, the entry goes again. Fills site.details(). Returns the entry;
// stops when it was not taken over.
[[nodiscard]] RepositoryRecord take_over(Site& site, FileServer& server, const Takeover& takeover);

void print_adopted(const RepositoryRecord& entry);

// Stops unless an absolute path without "." and "..".
void check_directory(const std::string& directory);

}  // namespace gerve

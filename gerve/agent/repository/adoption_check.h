// Whether a directory can become a repository of this file server as it is: everything is looked at before
// anything is moved.
#pragma once

#include <string>

#include "authz/base/result.h"
#include "gerve/agent/repository/adoption_source.h"
#include "gerve/agent/repository/inspection.h"

namespace gerve {

// Reads all names in `directory`, which is `source` opened, and runs git if every file belongs to this
// process's user: git obeys the repository's configuration. Errors: unavailable; as run_git. Anything else
// that is wrong with it is a refusal in the answer.
[[nodiscard]] Result<Inspection> check_for_adoption(const AdoptionPlaces& places,
                                                    const AdoptionSource& source, const Fd& directory,
                                                    const std::string& git);

}  // namespace gerve

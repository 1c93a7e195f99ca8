// The plan of a gitolite's import against what Gerve has: the steps that are left, and what stands in their
// way.
#pragma once

#include "gerve/cli/import/gitolite_plan.h"
#include "gerve/cli/import/import_steps.h"

namespace gerve {

struct GitoliteTakeover {
    ImportSteps steps;
    ImportFindings findings;                        // of the plan, and of what is in Gerve already
    std::vector<const PlannedRepository*> missing;  // not in Gerve: access to them is given in a later run
};

// Reads the directory. `plan` is kept by reference. Stops when the directory is out of reach.
[[nodiscard]] GitoliteTakeover compare_with_site(Site& site, const GitolitePlan& plan);

}  // namespace gerve

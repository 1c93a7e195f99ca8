// The changes of an import, one by one: each is what a command of its own would do, and is recorded as that.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "authz/base/result.h"
#include "gerve/cli/import/import_finding.h"
#include "gerve/cli/output.h"

namespace gerve {

class Registry;
class Site;

struct ImportStep {
    std::string command;                                       // "key add"
    std::string arguments;                                     // what the command would be given; names only
    std::vector<std::pair<std::string, std::string>> details;  // for the audit trail
    std::function<Result<void>(Registry&)> change;
};

using ImportSteps = std::vector<ImportStep>;

// Does and records one after the other; `says_each`: prints those that are done. One that is refused keeps
// the others from nothing: it is told on stderr, and the status is 1. Stops when the directory is out of
// reach.
[[nodiscard]] int run_steps(Site& site, const ImportSteps& steps, bool says_each);

// What is to be done, and what differs: for people, and as members of `out`.
void print_steps(const ImportSteps& steps);
void print_findings(const ImportFindings& findings);
[[nodiscard]] Json steps_json(const ImportSteps& steps);
[[nodiscard]] Json findings_json(const ImportFindings& findings);

}  // namespace gerve

#include "gerve/cli/import/import_finding.h"

#include <utility>

namespace gerve {

void add_finding(ImportFindings& findings, FilePlace place, std::string what, std::string why,
                 ImportEffect effect) {
    findings.push_back({std::move(place), std::move(what), std::move(why), effect, {}});
}

}  // namespace gerve

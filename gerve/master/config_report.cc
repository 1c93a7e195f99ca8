#include "gerve/master/config_report.h"

#include <cstdio>

#include "authz/base/log.h"

namespace gerve {

void print_problems(const std::vector<ConfigProblem>& problems) {
    for (const ConfigProblem& problem : problems) std::fprintf(stderr, "%s\n", problem.format().c_str());
}

void log_refused_reload(const std::vector<ConfigProblem>& problems) {
    for (const ConfigProblem& problem : problems) {
        log::error("reload refused", {{"file", problem.file},
                                      {"line", problem.line},
                                      {"column", problem.column},
                                      {"problem", problem.text}});
    }
    log::error("reload refused: keeping the previous configuration", {{"problems", problems.size()}});
}

}  // namespace gerve

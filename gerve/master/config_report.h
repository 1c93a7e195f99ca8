// What is told of a configuration with problems: at the start on stderr, in a reload in the log.
#pragma once

#include <vector>

#include "authz/base/problem.h"

namespace gerve {

void print_problems(const std::vector<ConfigProblem>& problems);
void log_refused_reload(const std::vector<ConfigProblem>& problems);

}  // namespace gerve

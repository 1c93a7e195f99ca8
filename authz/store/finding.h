// Finding: one thing that `gerve check` looked at in a backend, and how it stands.
#pragma once

#include <string>
#include <vector>

namespace gerve {

struct Finding {
    enum class Grade { good, warning, wrong };  // wrong: it does not work as configured
    Grade grade = Grade::good;
    std::string text;    // one line, for the administrator; no secret in it
    std::string remedy;  // what to do; empty when good
};
using Findings = std::vector<Finding>;

}  // namespace gerve

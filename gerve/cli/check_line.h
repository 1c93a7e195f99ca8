// CheckLine: one thing that a check looked at, and how the commands that check print it.
#pragma once

#include <string>
#include <vector>

namespace gerve {

struct CheckLine {
    std::string what;
    std::string told;  // what was found, or what is wrong and how to correct it
    // 0, refused_status, or usage_status: a wrong configuration weighs more than a backend out of reach.
    int status = 0;
};

[[nodiscard]] CheckLine good_line(std::string what, std::string told);
[[nodiscard]] CheckLine bad_line(std::string what, std::string told);  // refused_status

// As a table or as JSON, on stdout. Returns the largest status.
int print_checks(const std::vector<CheckLine>& lines, bool json);

}  // namespace gerve

// SshdFinding: one thing that `gerve sshd-setup --check` looked at.
#pragma once

#include <string>
#include <utility>

namespace gerve {

struct SshdFinding {
    std::string what;
    std::string told;  // what was found, or what is wrong and how to mend it
    bool good = true;
};

[[nodiscard]] inline SshdFinding good_finding(std::string what, std::string told) {
    return {std::move(what), std::move(told), true};
}
[[nodiscard]] inline SshdFinding bad_finding(std::string what, std::string told) {
    return {std::move(what), std::move(told), false};
}

}  // namespace gerve

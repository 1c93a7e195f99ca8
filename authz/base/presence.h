// Whether something stands at a path. That it cannot be told is an answer of its own: what is out of reach
// must not be made anew, forgotten or called missing.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// False for ENOENT and ENOTDIR alone. A symbolic link that leads nowhere is there: what it leads to may be on
// a disk that is not mounted yet. Error: internal, naming the path and the reason.
[[nodiscard]] inline Result<bool> is_there(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return internal_error(errno_text("cannot access " + path));
}

// The first of `wanted`, `wanted`-2, `wanted`-3 … that is not there. Error: as is_there().
[[nodiscard]] inline Result<std::string> free_name(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2;; ++i) {
        const auto taken = is_there(name);
        if (!taken) return pass_on(taken);
        if (!*taken) return name;
        name = wanted + "-" + std::to_string(i);
    }
}

}  // namespace gerve

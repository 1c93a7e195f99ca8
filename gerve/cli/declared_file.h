// A file that declares what the directory is to hold, as `gerve export` writes it and people edit it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "authz/base/toml.h"
#include "authz/store/declared_state.h"

namespace gerve {

// What was read. It is to be used only if there are no problems; the reader tells the places of what shows
// later.
struct DeclaredFile {
    std::unique_ptr<TomlReader> reader;
    DeclaredState state;
    std::vector<ConfigProblem> problems;  // all of them, in the order of the file
};

// `name` is what problems call the file. What stands in it twice is a problem; whether the directory agrees
// (a name that is neither declared nor there) shows when it is applied. The members of a team are members
// of its organisation.
[[nodiscard]] DeclaredFile read_declared(std::string text, std::string name);

}  // namespace gerve

// Turns the rows of the operator's own statements into those of the directory's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/store/database.h"

namespace gerve::own_rows {

// Where in a row of an answer there is what.
struct Places {
    std::vector<std::size_t> columns;                          // those of query_columns(name), in their order
    std::vector<std::pair<std::string, std::size_t>> hooks{};  // variables of hooks, by their names
};

// A standard row is followed by the variables of hooks, each as two columns: its name, and its value or NULL.
// Error: unavailable, a value that makes no sense where it stands; it is not guessed at.
[[nodiscard]] Result<Rows> as_standard(std::string_view name, const Rows& rows, const Places& places);

}  // namespace gerve::own_rows

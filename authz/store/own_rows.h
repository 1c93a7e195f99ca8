// Turns the rows of the operator's own statements into those of the directory's.
#pragma once

#include <string_view>
#include <vector>

#include "authz/store/database.h"

namespace gerve::own_rows {

// `places`: where the columns of query_columns(name) stand in a row. Error: unavailable, a value that makes
// no sense where it stands; it is not guessed at.
[[nodiscard]] Result<Rows> as_standard(std::string_view name, const Rows& rows,
                                       const std::vector<std::size_t>& places);

}  // namespace gerve::own_rows

// Values on their way into a prepared statement of Connector/C++, and out of its answer.
#pragma once

#include <cppconn/prepared_statement.h>

#include <optional>
#include <string_view>

#include "authz/store/database.h"

namespace gerve::mysql_values {

[[nodiscard]] sql::SQLString text_of(std::string_view bytes);

// `place` counts from 1. Throws what the library throws, as all of these.
void bind_one(sql::PreparedStatement& statement, unsigned place, const Bind& bind);

// Nothing for a real number, a date and the like: no column that we ask for holds one.
[[nodiscard]] std::optional<Rows> read_rows(sql::ResultSet& results);

}  // namespace gerve::mysql_values

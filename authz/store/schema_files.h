// The SQL files of packaging/schema, compiled in by packaging/schema/embed.py.
#pragma once

#include <string_view>
#include <vector>

#include "authz/store/database.h"

namespace gerve {

struct SchemaFile {
    Dialect dialect;
    int version;            // from 1, without gaps
    std::string_view name;  // "001-directory.sql"
    std::string_view sql;
};

// Of both dialects, by dialect and ascending version.
[[nodiscard]] const std::vector<SchemaFile>& schema_files();

}  // namespace gerve

// LogConfig: what is written into the log; gateways and file servers read the same table [log].
#pragma once

#include <string>
#include <string_view>

#include "authz/base/log.h"
#include "authz/base/result.h"

namespace gerve {

class TomlTable;

struct LogConfig {
    log::Level level = log::Level::info;  // and what is graver
};

[[nodiscard]] LogConfig read_log(TomlTable table);
// "debug", "info", "warning" or "error", as a configuration writes it.
[[nodiscard]] std::string level_name(log::Level level);
// Of such a name, or "warn". Error: client.
[[nodiscard]] Result<log::Level> parse_level(std::string_view name);

}  // namespace gerve

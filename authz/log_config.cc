#include "authz/log_config.h"

#include <algorithm>
#include <array>

#include "authz/base/toml.h"

namespace gerve {
namespace {

// In the order of `levels`; "warn" is what the log itself calls it.
constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warning", "error", "warn"};
constexpr std::array<log::Level, 5> levels{log::Level::debug, log::Level::info, log::Level::warn,
                                           log::Level::error, log::Level::warn};

}  // namespace

LogConfig read_log(TomlTable table) {
    LogConfig config;
    const std::string name = table.choice("level", level_names, level_name(config.level));
    config.level = parse_level(name).value_or(config.level);
    return config;
}

std::string level_name(log::Level level) {
    const auto* const found = std::find(levels.begin(), levels.end(), level);
    return std::string(level_names[static_cast<std::size_t>(found - levels.begin())]);
}

Result<log::Level> parse_level(std::string_view name) {
    const auto* const found = std::find(level_names.begin(), level_names.end(), name);
    if (found != level_names.end()) return levels[static_cast<std::size_t>(found - level_names.begin())];
    return client_error("the log level must be debug, info, warning or error");
}

}  // namespace gerve

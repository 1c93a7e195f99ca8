#include "authz/log_config.h"

#include <array>
#include <utility>

#include "authz/base/toml.h"

namespace gerve {
namespace {

constexpr std::array<std::pair<std::string_view, log::Level>, 5> levels{{{"debug", log::Level::debug},
                                                                         {"info", log::Level::info},
                                                                         {"warning", log::Level::warn},
                                                                         {"error", log::Level::error},
                                                                         {"warn", log::Level::warn}}};

}  // namespace

LogConfig read_log(TomlTable table) {
    LogConfig config;
    const std::string name =
        table.choice("level", {"debug", "info", "warning", "error", "warn"}, level_name(config.level));
    config.level = parse_level(name).value_or(config.level);
    return config;
}

std::string level_name(log::Level level) {
    for (const auto& [name, its] : levels) {
        if (its == level) return std::string(name);
    }
    return "info";
}

Result<log::Level> parse_level(std::string_view name) {
    for (const auto& [its, level] : levels) {
        if (its == name) return level;
    }
    return client_error("the level of the log must be debug, info, warning or error");
}

}  // namespace gerve

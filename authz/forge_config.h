// ForgeConfig: the table [forge] of gerve.toml, and what a forge's app.ini adds to it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/forge.h"
#include "authz/model/route.h"

namespace gerve {

class TomlTable;

struct ForgeConfig {
    // As gerve.toml says; with `app_ini`, those of its settings that stand in app.ini keep their defaults.
    ForgeRules rules;
    std::string app_ini;  // absolute; empty: gerve.toml says it all
    // The one file server of all repositories. Empty: the agent of this machine.
    std::string server;
    std::vector<std::string> endpoints;
};

// The forge's tables are in MySQL or MariaDB. `queries`: those of [directory.mysql.queries].
// Nothing: there is no such table.
[[nodiscard]] std::optional<ForgeConfig> read_forge(TomlTable table, bool uses_mysql,
                                                    const std::map<std::string, std::string>& queries);

// With the settings of app.ini, which is read now. Error: client, with file and line.
[[nodiscard]] Result<ForgeRules> load_forge_rules(const ForgeConfig& config);

// What the text of an app.ini says; `name` stands in errors.
[[nodiscard]] Result<ForgeRules> with_app_ini(ForgeRules rules, std::string_view text, std::string name);

}  // namespace gerve

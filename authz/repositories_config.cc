#include "authz/repositories_config.h"

#include "authz/base/toml.h"

namespace gerve {

RepositoriesConfig read_repositories(TomlTable table) {
    RepositoriesConfig config;
    config.default_visibility =
        table.choice("default_visibility", visibility_names, config.default_visibility);
    config.keep_lost = std::chrono::ceil<std::chrono::days>(
        table.duration("keep_lost", config.keep_lost, std::chrono::hours(0), std::chrono::days(3650)));
    config.sizes.push = table.size("max_push", 0);
    config.sizes.repository = table.size("max_size", 0);
    config.sizes.owner = table.size("max_size_of_owner", 0);
    return config;
}

}  // namespace gerve

#include "authz/repositories_config.h"

#include "authz/base/toml.h"

namespace gerve {

RepositoriesConfig read_repositories(TomlTable table) {
    RepositoriesConfig config;
    config.default_visibility =
        table.choice("default_visibility", visibility_names, config.default_visibility);
    return config;
}

}  // namespace gerve

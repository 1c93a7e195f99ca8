#include "authz/lfs_config.h"

#include "authz/base/toml.h"

namespace gerve {

LfsConfig read_lfs(TomlTable table) {
    LfsConfig config;
    config.mode = table.choice("mode", lfs_mode_names, config.mode);
    config.max_object = table.size("max_object", config.max_object);
    config.require_objects = table.flag("require_objects", config.require_objects);
    return config;
}

}  // namespace gerve

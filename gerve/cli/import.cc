#include "gerve/cli/commands.h"

namespace gerve {

void declare_import(Command& root) {
    Command import = root.group("import", "Take over what another system has.");
    declare_import_repositories(import);
}

}  // namespace gerve

#include "gerve/cli/commands.h"

namespace gerve {

void declare_import(Command& root) {
    Command imports = root.group("import", "Take over what another git host has.");
    declare_import_repositories(imports);
    declare_import_gitolite(imports);
    declare_import_keys(imports);
    imports.examples({"gerve import repositories /srv/old --yes",
                      "gerve import gitolite conf/gitolite.conf keydir --owner acme --yes",
                      "gerve import authorized-keys .ssh/authorized_keys"});
}

}  // namespace gerve

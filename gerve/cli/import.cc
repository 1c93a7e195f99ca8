#include "gerve/cli/commands.h"

namespace gerve {

void declare_import(Command& root) {
    Command import = root.group("import", "Take over what another git host has.");
    declare_import_repositories(import);
    declare_import_gitolite(import);
    declare_import_keys(import);
    import.examples({"gerve import repositories /srv/old --yes",
                     "gerve import gitolite conf/gitolite.conf keydir --owner acme --yes",
                     "gerve import authorized-keys .ssh/authorized_keys"});
}

}  // namespace gerve

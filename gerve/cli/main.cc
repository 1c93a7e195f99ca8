#include "authz/base/log.h"
#include "gerve/cli/command.h"
#include "gerve/cli/commands.h"

int main(int argc, char** argv) {
    // Warnings of a command go to stderr, apart from what it prints. The processes of the gateway start logs
    // of their own.
    gerve::log::start("command", gerve::log::Level::warn);
    gerve::CommandLine line;
    gerve::Command root = line.root();
    gerve::declare_serve(root);
    gerve::declare_check(root);
    gerve::declare_accounts(root);
    gerve::declare_keys(root);
    gerve::declare_authorities(root);
    gerve::declare_repositories(root);
    gerve::declare_limits(root);
    gerve::declare_large_files(root);
    gerve::declare_import(root);
    gerve::declare_access(root);
    gerve::declare_explain(root);
    gerve::declare_shadow(root);
    gerve::declare_sessions(root);
    gerve::declare_audit(root);
    gerve::declare_export(root);
    gerve::declare_apply(root);
    gerve::declare_backup(root);
    gerve::declare_routes(root);
    gerve::declare_host_keys(root);
    gerve::declare_schema(root);
    gerve::declare_maintenance(root);
    gerve::declare_sshd_setup(root);
    root.examples(
        {
            "gerve serve                                 serve git over SSH at 127.0.0.1:2222, out of "
            "./gerve-state",
            "gerve user add alice                        an account",
            "gerve key add alice ~/.ssh/id_ed25519.pub   the key that identifies it",
            "gerve repo create alice/hello               a repository",
            "gerve access grant alice/hello bob write    let another user push",
            "git clone ssh://git@127.0.0.1:2222/alice/hello.git",
            "gerve explain bob \"git-receive-pack 'alice/hello'\"",
        },
        "-c and --state are accepted after a command as well.\n"
        "Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration.\n"
        "Manuals: gerve(1), gerve.toml(5).");
    return line.run(argc, argv);
}

// Every command of `gerve`, each group declared by a file of its own.
#pragma once

#include "gerve/cli/command.h"

namespace gerve {

void declare_serve(Command& root);                   // serve, and the roles that the master starts
void declare_check(Command& root);                   // check
void declare_schema(Command& root);                  // schema
void declare_backup(Command& root);                  // backup, restore
void declare_accounts(Command& root);                // user, org, team
void declare_renaming(Command& user);                // user rename
void declare_org_policy(Command& org);               // org policy
void declare_keys(Command& root);                    // key, deploy-key
void declare_authorities(Command& root);             // ca
void declare_authority_revoking(Command& ca);        // ca revoke
void declare_repositories(Command& root);            // repo
void declare_adoption(Command& repo);                // repo adopt
void declare_inspection(Command& repo);              // repo fsck, repo size
void declare_repository_history(Command& repo);      // repo history
void declare_ref_restoring(Command& repo);           // repo restore-ref
void declare_import(Command& root);                  // import
void declare_import_repositories(Command& imports);  // import repositories
void declare_import_gitolite(Command& imports);      // import gitolite
void declare_import_keys(Command& imports);          // import authorized-keys
void declare_limits(Command& root);                  // limit
void declare_large_files(Command& root);             // lfs
void declare_access(Command& root);                  // access
void declare_access_review(Command& access);         // access review
void declare_access_of(Command& access);             // access of
void declare_host_keys(Command& root);               // host-key
void declare_export(Command& root);                  // export
void declare_apply(Command& root);                   // apply
void declare_routes(Command& root);                  // server, route, ticket-key
void declare_sshd_setup(Command& root);              // sshd-setup
void declare_maintenance(Command& root);             // maintenance
void declare_audit(Command& root);                   // audit
void declare_audit_reports(Command& audit);          // audit report
void declare_explain(Command& root);                 // explain
void declare_shadow(Command& root);                  // shadow
void declare_sessions(Command& root);                // sessions, kill

}  // namespace gerve

"""The git clients of the tests: git over several SSH programs, and programs that have git code of their own.

`ssh_programs` has the former, `own_git` the latter, `made` what has to be built or fetched for either. Each client is a
class with a `name`, `why_not()` (the reason why it cannot run here, or None) and `version()`; an instance is one
clone after the other in the hands of one person, whose orders are clone, fetch and push.
"""

from . import own_git, ssh_programs

GIT_CLIENTS = {
    client.name: client
    for client in (
        ssh_programs.OpenSsh,
        ssh_programs.Dbclient,
        ssh_programs.Plink,
        ssh_programs.Paramiko,
        ssh_programs.Asyncssh,
        ssh_programs.Ssh2,
        own_git.Dulwich,
        own_git.Pygit2,
        own_git.GoGit,
        own_git.JGit,
    )
}

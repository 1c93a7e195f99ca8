"""The yardstick: a stock OpenSSH server, authorized_keys, git-shell as the login shell, a local repository."""

import os
import shutil
import subprocess

from benchlib import processes
from benchlib.system import System

SSHD = "/usr/sbin/sshd"
GIT_SHELL = "/usr/bin/git-shell"
UID = 64801  # of the account that exists in the server's own mount namespace only

# Mounts that only the server sees: an /etc/passwd that knows the account "git", and a /run/sshd. So the machine's
# own files stay untouched, and git-shell can be a real login shell. A ForceCommand for root instead would cost
# sshd one more shell per session and make it look worse than it is.
ENTER = """
mount --bind "$1" /etc/passwd &&
mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -m 0755 /run/sshd &&
exec "$2" -D -f "$3" -E "$4"
"""


class StockSshd(System):
    name = "sshd"
    title = "sshd + git-shell"

    def unavailable(self):
        if os.geteuid() != 0:
            return "needs root, to serve under another account"
        missing = [path for path in (SSHD, GIT_SHELL, "/usr/bin/unshare") if not os.path.exists(path)]
        return f"not installed: {', '.join(missing)}" if missing else None

    def install(self):
        self._home = os.path.join(self.directory, "home")
        os.makedirs(os.path.join(self._home, ".ssh"))
        os.makedirs(os.path.join(self._home, self.owner))
        shutil.copy(self.workspace.key + ".pub", os.path.join(self._home, ".ssh", "authorized_keys"))
        give_away(self._home)
        os.chmod(os.path.join(self._home, ".ssh"), 0o700)
        self._write_passwd()
        self._host_key = make_host_key(self.directory)
        for stock_limits in (False, True):
            self._write_config(stock_limits)

    def command(self, stock_limits):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh",
                os.path.join(self.directory, "passwd"), SSHD, self._config_path(stock_limits),
                os.path.join(self.directory, "sshd.log")]

    def create_repository(self, name):
        path = self._repository(name)
        subprocess.run(["git", "init", "--quiet", "--bare", path], check=True,
                       env=self.workspace.git_environment())
        give_away(path)

    def delete_repository(self, name):
        shutil.rmtree(self._repository(name))

    def path_prefix(self):
        return "~/"

    def role_of(self, pid):
        name = processes.executable(pid)
        # sh and unshare are what the listener was before it became sshd.
        return "git" if processes.is_git(name) else "sshd" if name else None

    def _repository(self, name):
        return os.path.join(self._home, self.owner, name + ".git")

    def _config_path(self, stock_limits):
        return os.path.join(self.directory, "sshd_config_stock" if stock_limits else "sshd_config")

    def _write_config(self, stock_limits):
        lines = [
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {self._host_key}",
            "PidFile none",
            "AllowUsers git",
            "AuthenticationMethods publickey",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "AuthorizedKeysFile .ssh/authorized_keys",
            "AcceptEnv GIT_PROTOCOL",
            "DisableForwarding yes",
            "PermitTTY no",
        ]
        if not stock_limits:
            # The default 10:30:100 resets connections from the tenth unauthenticated one on.
            lines.append("MaxStartups 100000")
        with open(self._config_path(stock_limits), "w") as file:
            file.write("\n".join(lines) + "\n")

    def _write_passwd(self):
        write_passwd(os.path.join(self.directory, "passwd"), [f"git:*:{UID}:{UID}::{self._home}:{GIT_SHELL}\n"])


def make_host_key(directory):
    """An ed25519 key in that directory; its path."""
    path = os.path.join(directory, "host_key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def write_passwd(path, accounts):
    """The machine's accounts and these. "*" is no password, yet not the "!" by which sshd knows a locked account."""
    names = tuple(line.split(":")[0] + ":" for line in accounts)
    with open("/etc/passwd") as file:
        lines = [line for line in file if not line.startswith(names)]
    if not any(line.startswith("sshd:") for line in lines):
        lines.append("sshd:x:64802:65534::/run/sshd:/usr/sbin/nologin\n")
    with open(path, "w") as file:
        file.writelines(lines + accounts)


def give_away(path):
    """Makes the tree at path belong to the account that sshd runs git under."""
    os.chown(path, UID, UID)
    for directory, names, files in os.walk(path):
        for name in names + files:
            os.lchown(os.path.join(directory, name), UID, UID)

"""A stock sshd in front of Gerve: gerve-authorized-keys, gerve-shell, authz and agent; the gateway's workers idle."""

import os

from benchlib import building, processes
from benchlib.gerve import Gerve
from benchlib.sshd import SSHD, make_host_key, write_passwd
from benchlib.system import free_port

GIT_UID, KEYS_UID = 64801, 64803

# In mounts of its own: an /etc/passwd with both accounts, and a /run in which the programs lie as sshd demands.
# Gerve first, since sshd answers the port that the run waits for; both end with this shell.
SERVE = """
mount --bind "$1" /etc/passwd &&
mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -m 0755 /run/sshd /run/gerve &&
cp "$2" "$3" /run/gerve/ && chmod 0755 /run/gerve/* || exit
"$4" -c "$5/gerve.toml" serve &
gerve=$!
trap 'kill $gerve $sshd; wait' TERM
until [ -S /run/gerve/authz.sock ] && [ -S "$5/state/agent.sock" ]; do
    kill -0 $gerve || exit
    sleep 0.05
done
chmod o+x "$5/state"
"$6" -D -f "$7" -E "$5/sshd.log" &
sshd=$!
wait
"""

GERVE_CONFIG = """\
state = "{directory}/state"
[listen]
ssh = ["127.0.0.1:{port}"]
[authz]
socket = "/run/gerve/authz.sock"
authorized_keys_user = "gerve-keys"
forced_command_user = "git"
"""

SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
{startups}
Match User git
    AuthorizedKeysCommand /run/gerve/gerve-authorized-keys %u %t %k %f
    AuthorizedKeysCommandUser gerve-keys
    AuthorizedKeysFile none
    AuthenticationMethods publickey
    AcceptEnv GIT_PROTOCOL
    PermitTTY no
    DisableForwarding yes
    PermitUserRC no
"""


class Plugin(Gerve):
    name = "plugin"
    title = "sshd + plugin"

    def __init__(self, workspace, build):
        super().__init__(workspace, build)
        self._programs = [building.program(build, name) for name in ("gerve-authorized-keys", "gerve-shell")]

    def unavailable(self):
        if os.geteuid() != 0:
            return "needs root, to serve under another account"
        if not os.path.exists(SSHD):
            return f"not installed: {SSHD}"
        return super().unavailable() or (None if all(self._programs) else f"{self.build} has no gerve-shell")

    def options(self):
        return ["-c", os.path.join(self.directory, "gerve.toml")]

    def install(self):
        self.write("gerve.toml", GERVE_CONFIG.format(directory=self.directory, port=free_port()))
        for stock in (False, True):
            startups = "MaxStartups 200:30:1000" if stock else "MaxStartups 100000"
            self.write(config_name(stock), SSHD_CONFIG.format(port=self.port, directory=self.directory,
                                                              startups=startups))
        write_passwd(os.path.join(self.directory, "passwd"), [
            f"git:*:{GIT_UID}:{GIT_UID}::/:/run/gerve/gerve-shell\n",
            f"gerve-keys:*:{KEYS_UID}:{KEYS_UID}::/nonexistent:/usr/sbin/nologin\n"])
        make_host_key(self.directory)
        super().install()

    def command(self, stock_limits):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", SERVE, "sh",
                os.path.join(self.directory, "passwd"), *self._programs, self._binary, self.directory, SSHD,
                os.path.join(self.directory, config_name(stock_limits))]

    def role_of(self, pid):
        name = processes.executable(pid)
        if name == "dash":
            return "sh"  # what started the servers
        return name if name in ("sshd", "gerve-shell", "gerve-authorized-keys") else super().role_of(pid)

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)


def config_name(stock_limits):
    return "sshd_config_stock" if stock_limits else "sshd_config"

"""The other front door: a stock sshd with gerve-authorized-keys and gerve-shell, over a running site.

sshd wants a system user `git` and one for its AuthorizedKeysCommand. They exist in a private mount namespace alone,
in which both the site's Gerve (it knows its peers by user name) and sshd run.
"""

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from .client import Door
from .processes import free_port, wait_until
from .programs import SOURCE_ROOT, program
from .site import Site
from .syslog import Syslog

SSHD = os.environ.get("GERVE_SSHD", "/usr/sbin/sshd")  # another version than the system's
GIT = "git"
KEYS_USER = "gerve-keys"
GIT_UID, KEYS_UID = 64811, 64812

# sh -c ENTER sh PASSWD COMMAND…: the command sees this passwd file; sh -c ENTER_SSHD sh LOG COMMAND…: a /run/sshd,
# and a /dev whose system log is LOG.
ENTER = 'mount --bind "$1" /etc/passwd && shift && exec "$@"'
ENTER_SSHD = """
mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -m 0755 /run/sshd /run/dev && ln -s "$1" /run/dev/log && shift &&
for node in null zero random urandom tty; do
    touch /run/dev/$node && mount --bind /dev/$node /run/dev/$node || exit
done &&
mount --rbind /run/dev /dev && exec "$@"
"""

# For a site that sshd is to serve beside the gateway.
AUTHZ = f"""\
[authz]
authorized_keys_user = "{KEYS_USER}"
forced_command_user = "{GIT}"
"""
SITE_CONFIG = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
""" + AUTHZ

# In front of the profile that packaging ships.
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
HostKey {directory}/host_key_rsa
PidFile none
LogLevel VERBOSE
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
PROFILE = SOURCE_ROOT / "packaging/sshd/gerve.conf.in"
PLACE = "@programs@"  # where they are installed


@functools.cache
def why_not() -> str | None:
    """Why there can be no sshd door here, or None."""
    if os.geteuid() != 0:
        return "needs root, for a mount namespace and system users"
    if not os.path.exists(SSHD):
        return f"{SSHD} is not installed"
    tried = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True)
    return "no mount namespace can be made here" if tried.returncode else None


@functools.cache
def unpenalized() -> str:
    """A line for sshd_config. From OpenSSH 9.8 on sshd turns an address away for a time after logins that failed
    (PerSourcePenalties), and all clients of the tests have one address."""
    told = subprocess.run([SSHD, "-V"], capture_output=True, text=True)
    release = re.search(r"OpenSSH_(\d+)\.(\d+)", told.stdout + told.stderr)
    return "PerSourcePenalties no\n" if tuple(map(int, release.groups())) >= (9, 8) else ""


class Sshd:
    """sshd over one site. Its helpers are copied to where every parent directory is root's, as sshd demands."""

    def __init__(self, directory: Path, socket: str):
        self.directory = directory
        self.socket = socket
        self.port = free_port()
        self.log_file = directory / "sshd.log"
        self.programs = Path(tempfile.mkdtemp(prefix="gerve-e2e-", dir="/usr/lib"))
        self.syslog = Syslog(directory / "log.sock")
        self.process: subprocess.Popen | None = None

    @staticmethod
    def passwd(directory: Path, shell: str) -> Path:
        """A passwd file with the two users; directory must be readable by all."""
        lines = [line for line in Path("/etc/passwd").read_text().splitlines()
                 if line.split(":")[0] not in (GIT, KEYS_USER)]
        if not any(line.startswith("sshd:") for line in lines):
            lines.append("sshd:x:64802:65534::/run/sshd:/usr/sbin/nologin")
        # "*" is no password, yet not the "!" by which sshd knows a locked account.
        lines.append(f"{GIT}:*:{GIT_UID}:{GIT_UID}::/:{shell}")
        lines.append(f"{KEYS_USER}:*:{KEYS_UID}:{KEYS_UID}::/nonexistent:/usr/sbin/nologin")
        file = directory / "passwd"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o644)
        return file

    @staticmethod
    def inside(passwd: Path, *command: str) -> list[str]:
        """The command line by which a command runs where the users exist."""
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", str(passwd), *command]

    def prepare(self, shell: str | None = None) -> "Sshd":
        """Everything but the process. shell: of the account git; gerve-shell itself by default."""
        self.programs.chmod(0o755)
        for name in ("gerve-authorized-keys", "gerve-shell"):
            shutil.copy(program(name), self.programs / name)
            (self.programs / name).chmod(0o755)
        for kind, name in (("ed25519", "host_key"), ("rsa", "host_key_rsa")):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(self.directory / name)], check=True)
        own = CONFIG.format(port=self.port, directory=self.directory)
        self.config.write_text(own + unpenalized() + self.profile())
        self.users = self.passwd(self.directory, shell or str(self.programs / "gerve-shell"))
        return self

    def profile(self) -> str:
        """The shipped one, for these programs and this site."""
        shipped = PROFILE.read_text()
        program = "/gerve-authorized-keys"
        assert shipped.count(PLACE) == shipped.count(PLACE + program) == 1
        return shipped.replace(PLACE + program, f"{self.programs}{program} --socket {self.socket}")

    @property
    def config(self) -> Path:
        return self.directory / "sshd_config"

    def beside(self, *command) -> list[str]:
        """The command line by which a command runs where this sshd and its users are."""
        return self.inside(self.users, "sh", "-c", ENTER_SSHD, "sh", str(self.syslog.path),
                           *map(str, command))

    def start(self, shell: str | None = None) -> "Sshd":
        self.prepare(shell)
        argv = self.beside("setpriv", "--pdeathsig", "TERM", SSHD, "-D", "-f", self.config, "-E", self.log_file)
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
        return self

    def door(self) -> Door:
        assert self.process.poll() is None, f"sshd ended at once:\n{self.log()}"
        return Door.scan("127.0.0.1", self.port, "sshd")

    def log(self) -> str:
        return self.log_file.read_text(errors="backslashreplace") if self.log_file.exists() else ""

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None
        self.syslog.close()
        shutil.rmtree(self.programs, ignore_errors=True)


def open_to_others(site) -> None:
    """Lets sshd's users reach the sockets in a site's state directory; authz and agent check each comer themselves."""
    for directory in (site.directory.parent, site.directory, site.state):
        directory.chmod(directory.stat().st_mode | 0o011)
    for name in ("authz.sock", "agent.sock"):
        wait_until((site.state / name).exists, name)


@contextmanager
def running_site_for_sshd(directory: Path, more: str = ""):
    """A site in whose processes' eyes sshd's users exist, and whose authz they reach."""
    if why_not():
        pytest.skip(why_not())
    directory.mkdir()
    passwd = Sshd.passwd(directory, "/usr/sbin/nologin")
    site = Site(directory, SITE_CONFIG + more, Sshd.inside(passwd)).start()
    open_to_others(site)
    yield site
    site.gateway.stop()

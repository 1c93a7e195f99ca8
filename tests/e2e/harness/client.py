"""Somebody with a key in front of a door: git and ssh as people use them."""

import copy
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .keys import Key
from .outcome import Outcome
from .processes import wait_until
from .terminal import Running, Terminal

SSH_CONFIG = """\
Host gerve
    HostName {host}
    Port {port}
    User git
    HostKeyAlias gerve
Host *
    IdentityFile {key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
"""


@dataclass(frozen=True)
class Door:
    """Where SSH is spoken: the gateway, or an sshd with Gerve behind it."""

    host: str
    port: int
    host_keys: tuple[str, ...]
    kind: str = "gateway"  # or "sshd": where tests allow for what docs/sshd.md tells

    @classmethod
    def scan(cls, host: str, port: int, kind: str = "gateway") -> "Door":
        """The door with the host keys that it shows now."""

        def keys() -> list[str]:
            # ssh-keyscan gives up silently on a machine that is too busy for its timeout.
            argv = ["ssh-keyscan", "-T", "10", "-p", str(port), host]
            lines = subprocess.run(argv, capture_output=True, text=True).stdout.splitlines()
            return [line.split(maxsplit=1)[1] for line in lines if line and not line.startswith("#")]

        return cls(host, port, tuple(wait_until(keys, f"host keys of {host}:{port}", timeout=30)), kind)

    def known_hosts(self) -> str:
        return "".join(f"gerve {key}\n" for key in self.host_keys)


class Client(Terminal):
    """A terminal with one SSH key. In its ssh configuration the door is called `gerve`."""

    def __init__(self, home: Path, login: str, door: Door, key: Key):
        super().__init__(home, login)
        self.login = login
        self.door = door
        self.key = key
        self._write_ssh_config()

    def _write_ssh_config(self) -> None:
        ssh = self.home / f".ssh-{self.key.private.parent.name}-{self.key.private.name}-{self.door.port}"
        ssh.mkdir(mode=0o700, exist_ok=True)
        known_hosts = ssh / "known_hosts"
        known_hosts.write_text(self.door.known_hosts())
        self.ssh_config = ssh / "config"
        self.ssh_config.write_text(
            SSH_CONFIG.format(
                host=self.door.host, port=self.door.port, key=self.key.private, known_hosts=known_hosts
            )
        )
        self.env = {**self.env, "GIT_SSH_COMMAND": f"ssh -F {self.ssh_config}"}

    def with_key(self, key: Key) -> "Client":
        """The same terminal with another key."""
        other = copy.copy(self)
        other.key = key
        other._write_ssh_config()
        return other

    def through(self, door: Door) -> "Client":
        """The same terminal in front of another door."""
        other = copy.copy(self)
        other.door = door
        other._write_ssh_config()
        return other

    def with_ssh_options(self, *options: str) -> "Client":
        """The same terminal whose git runs ssh with more options."""
        return self.with_env(GIT_SSH_COMMAND=" ".join([f"ssh -F {self.ssh_config}", *options]))

    def ssh(self, *words: str, **expected) -> Outcome:
        """`ssh gerve WORDS…`: options of ssh may come first."""
        return self.run(*self.ssh_argv(*words), **expected)

    def start_ssh(self, *words: str, stdin=subprocess.DEVNULL) -> Running:
        return self.start(*self.ssh_argv(*words), stdin=stdin)

    def ssh_argv(self, *words: str) -> list[str]:
        options = list(_leading_options(words))
        return ["ssh", "-F", str(self.ssh_config), *options, "gerve", *words[len(options) :]]

    def clone(self, repository, *options: str, into: str | None = None) -> "Client":
        """Clones and goes into the clone."""
        directory = into or repository.name
        self.git("clone", "--quiet", *options, repository.url, directory)
        return self.at(directory)

    def publish(self, repository, commits: int = 1) -> "Client":
        """Pushes a new history of some commits to an empty repository; the work tree it was made in."""
        directory = f"{repository.owner}-{repository.name}"
        self.git("init", "--quiet", directory)
        work = self.at(directory)
        for number in range(1, commits + 1):
            work.commit(f"file-{number}", f"content {number}\n")
        work.git("remote", "add", "origin", repository.url)
        work.git("push", "--quiet", "--set-upstream", "origin", "main")
        return work


def _leading_options(words):
    """The options of ssh at the front, with their arguments."""
    takes_argument = set("BbcDEeFIiJLlmOopQRSWw")
    waiting = False
    for word in words:
        if not waiting and not word.startswith("-"):
            return
        yield word
        waiting = not waiting and len(word) == 2 and word[1] in takes_argument

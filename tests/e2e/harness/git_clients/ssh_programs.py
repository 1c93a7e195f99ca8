"""SSH programs that git runs: OpenSSH's ssh, dbclient, plink, and paramiko, asyncssh and ssh2 in a few lines each."""

import importlib.util
import re
import shlex
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from ..outcome import NONZERO
from . import made
from .trouble import ClientFailed, ClientHangs

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
KEYS = {"ed25519", "ecdsa", "rsa"}


class SshProgram:
    """git of one person over one SSH program. `argv` runs it; the command comes behind.

    one_by_one: a library writes one pkt-line at a time; otherwise what git has written, as it comes.
    """

    name: str
    program: str  # what is looked for in PATH
    key = {"kind": "ed25519"}
    false_failure: str | None = None  # what it says of a push that the server took

    def __init__(self, person, one_by_one: bool = True):
        self.person = person
        self.how = ["--pkt-lines"] if one_by_one else []
        # git calls a client of the variant `simple` with HOST and COMMAND and no option.
        argv = shlex.join(str(word) for word in self.argv())
        script = person.write(f"{self.name}-ssh", f'#!/bin/sh\nshift\nexec {argv} "$@"\n', mode=0o755)
        self.terminal = person.with_env(**self.environment(), GIT_SSH_COMMAND=str(script), GIT_SSH_VARIANT="simple")

    @classmethod
    def why_not(cls) -> str | None:
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    @classmethod
    def version(cls) -> str:
        return _said([cls.program, "-V"])

    @classmethod
    def keys(cls) -> set[str]:
        return KEYS

    def argv(self) -> list:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    # ---- orders

    def clone(self, repository, directory: Path, timeout: float) -> None:
        # A bare clone of git's own fetches nothing into references of its own.
        fetched = "remote.origin.fetch=+refs/heads/*:refs/remotes/origin/*"
        self._git(timeout, "clone", "--quiet", "--bare", "--config", fetched, repository.url, str(directory))

    def fetch(self, directory: Path, timeout: float) -> None:
        self._git(timeout, "--git-dir", str(directory), "fetch", "--quiet", "origin")

    def push(self, directory: Path, refspec: str, timeout: float) -> None:
        self._git(timeout, "--git-dir", str(directory), "push", "--quiet", "origin", refspec)

    def url(self, repository) -> str:
        return repository.url

    def close(self) -> None:
        """Ends what the client still runs."""

    def _git(self, timeout: float, *words: str) -> None:
        running = self.terminal.start("git", *words)
        try:
            ended = running.finish(timeout=timeout, exit=(0, *NONZERO))
        except AssertionError as late:
            raise ClientHangs(str(late)) from None
        if ended.exit != 0:
            raise ClientFailed(ended.transcript())


class OpenSsh(SshProgram):
    name = program = "ssh"

    def __init__(self, person, one_by_one: bool = True):
        self.person = self.terminal = person


class Dbclient(SshProgram):
    name = program = "dbclient"

    def argv(self) -> list:
        key = self.person.home / "id.dropbear"
        self.person.run("dropbearconvert", "openssh", "dropbear", self.person.key.private, key)
        door = self.person.door
        return ["dbclient", "-y", "-y", "-T", "-i", key, "-p", door.port, "-l", "git", door.host]


class Plink(SshProgram):
    name = program = "plink"

    def argv(self) -> list:
        person = self.person
        key = person.home / "id.ppk"
        person.run("puttygen", person.key.private, "-O", "private", "-o", key)
        pinned = []
        for line in person.door.host_keys:
            shown = person.write("host.pub", line + "\n")
            pinned += ["-hostkey", person.run("ssh-keygen", "-l", "-f", shown).stdout.split()[1]]
        door = person.door
        return ["plink", "-batch", "-ssh", "-T", *pinned, "-i", key, "-P", door.port, "-l", "git", door.host]


class _PythonLibrary(SshProgram):
    """A library; the program around it is NAME_ssh.py here."""

    @classmethod
    def why_not(cls) -> str | None:
        # The interpreter of the tests is the one that runs it.
        return None if importlib.util.find_spec(cls.name) else f"python3-{cls.name} is not installed"

    @classmethod
    def version(cls) -> str:
        return metadata.version(cls.name)

    def argv(self) -> list:
        door = self.person.door
        script = HERE / f"{self.name}_ssh.py"
        return [PYTHON, "-W", "ignore", script, *self.how, door.port, self.person.key.private, door.host]


class Paramiko(_PythonLibrary):
    name = "paramiko"


class Asyncssh(_PythonLibrary):
    name = "asyncssh"


class Ssh2(SshProgram):
    name = "ssh2"
    program = "node"

    @classmethod
    def why_not(cls) -> str | None:
        for program in ("node", "npm"):
            if not shutil.which(program):
                return f"{program} is not installed"
        try:
            made.node_modules()
        except made.ClientNotMade as error:
            return f"npm cannot install ssh2: {error}"
        return None

    @classmethod
    def version(cls) -> str:
        package = (made.node_modules() / "ssh2/package.json").read_text()
        return re.search(r'"version": "(.*)"', package)[1]

    def argv(self) -> list:
        door = self.person.door
        return ["node", HERE / "ssh2_ssh.js", *self.how, door.port, self.person.key.private, door.host]

    def environment(self) -> dict[str, str]:
        return {"NODE_PATH": str(made.node_modules())}


def _said(argv: list[str]) -> str:
    ran = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (ran.stdout + ran.stderr).strip().split("\n")[0]

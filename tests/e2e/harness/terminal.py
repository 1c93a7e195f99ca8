"""A terminal of its own home, in which a scenario types commands.

Nothing of the user who runs the tests is read: neither ~/.ssh, ~/.gitconfig, an ssh agent nor the locale.
"""

import copy
import os
import subprocess
import time
from pathlib import Path

from .outcome import Outcome

GIT_CONFIG = """\
[user]
    name = {name}
    email = {name}@example.org
[init]
    defaultBranch = main
[advice]
    detachedHead = false
[gc]
    auto = 0
[maintenance]
    auto = false
[protocol "file"]
    allow = always
"""

# A directory of programs that are taken instead of the distribution's, such as another version of git-lfs.
OTHER_CLIENTS = [os.environ["GERVE_CLIENTS"]] if "GERVE_CLIENTS" in os.environ else []


class Running:
    """A command that goes on while the scenario does something else."""

    _all: list["Running"] = []

    def __init__(self, argv, **popen_options):
        self.argv = tuple(str(word) for word in argv)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **popen_options
        )
        Running._all.append(self)

    @classmethod
    def kill_all(cls) -> None:
        """Ends whatever a scenario that failed has left behind."""
        while cls._all:
            cls._all.pop().kill()

    @property
    def pid(self) -> int:
        return self.process.pid

    def finish(self, input=None, timeout=60, **expected) -> Outcome:
        """Waits for the end and checks it as Outcome.check does; after timeout seconds it is a failure."""
        try:
            out, err = self.process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired as late:
            self.kill()
            told = (late.stderr or b"").decode(errors="backslashreplace")
            raise AssertionError(
                f"$ {self.argv}\nnot finished after {timeout} s; stderr so far:\n{told}"
            ) from None
        Running._all.remove(self)
        outcome = Outcome(self.argv, self.process.returncode, out, err, time.monotonic() - self.started)
        return outcome.check(**expected)

    def kill(self) -> None:
        """Ends it and its children with SIGKILL, as a machine that loses power would."""
        if self.process.returncode is None:  # not waited for yet, so the number is still its own
            os.killpg(self.pid, 9)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Terminal:
    """Commands typed in one directory of one home. `at` gives the same terminal in another directory."""

    # TMPDIR of all terminals, if it is set. git-lfs leaves a directory there for each ssh that it starts, with a socket
    # whose name is 79 bytes longer than this, of the 107 that it may have.
    temporary: Path | None = None

    def __init__(self, home: Path, name: str):
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text(GIT_CONFIG.format(name=name))
        self.home = home
        self.cwd = home
        self.env = {
            "HOME": str(home),
            "PATH": ":".join([*OTHER_CLIENTS, "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
        if Terminal.temporary is not None:
            self.env["TMPDIR"] = str(Terminal.temporary)

    def at(self, directory: str | Path):
        """This terminal after `cd directory`."""
        other = copy.copy(self)
        other.cwd = self.cwd / directory
        return other

    def with_env(self, **variables: str):
        """This terminal with more environment variables."""
        other = copy.copy(self)
        other.env = {**self.env, **variables}
        return other

    def start(self, *argv, stdin=subprocess.DEVNULL) -> Running:
        """Starts a command and does not wait for it."""
        return Running(argv, cwd=self.cwd, env=self.env, stdin=stdin)

    def run(self, *argv, input: bytes | None = None, timeout=60, **expected) -> Outcome:
        """Runs a command to its end; unless `expected` says otherwise it must exit 0 (Outcome.check)."""
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        return self.start(*argv, stdin=stdin).finish(input=input, timeout=timeout, **expected)

    def git(self, *args, **expected) -> Outcome:
        return self.run("git", *args, **expected)

    def write(self, path: str, content: str | bytes = "", mode: int = 0o644) -> Path:
        file = self.cwd / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def commit(
        self, path: str = "README", content: str | bytes = "hello\n", message: str | None = None
    ) -> str:
        """Writes a file, commits it and returns the commit's name."""
        self.write(path, content)
        self.git("add", path)
        self.git("commit", "--quiet", "--message", message or f"Write {path}")
        return self.rev("HEAD")

    def rev(self, name: str) -> str:
        return self.git("rev-parse", "--verify", name).stdout.strip()

"""Clients with git code of their own. Each runs as one process that takes orders, so that it starts once.

An order is a line of words with tabs between them: `clone URL DIR`, `fetch DIR` or `push DIR REFSPEC`; the answer is
`ok` or `failed: TEXT`. Every order makes an SSH connection of its own. Keys and host keys are where each client looks
for them by itself, in the home of its person.
"""

import importlib.util
import os
import select
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from . import made
from .ssh_programs import HERE, KEYS, PYTHON
from .trouble import ClientFailed, ClientHangs

SSH_CONFIG = """\
Host {host}
    IdentityFile {key}
    StrictHostKeyChecking yes
"""


class OwnGit:
    """One person's process of such a client."""

    name: str
    key = {"kind": "ed25519"}
    false_failure: str | None = None  # what it says of a push that the server took (docs/clients.md)

    def __init__(self, person):
        self.person = person
        self._process: subprocess.Popen | None = None
        ssh = person.home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        door = person.door
        # libgit2 1.5 asks for a key of the type that stands first, and libssh2 1.10 knows RSA by SHA-1 alone.
        keys = sorted(door.host_keys, key=lambda line: line.startswith("ssh-rsa"))
        (ssh / "known_hosts").write_text("".join(f"[{door.host}]:{door.port} {key}\n" for key in keys))
        (ssh / "config").write_text(SSH_CONFIG.format(host=door.host, key=person.key.private))

    @classmethod
    def why_not(cls) -> str | None:
        raise NotImplementedError

    @classmethod
    def version(cls) -> str:
        raise NotImplementedError

    @classmethod
    def keys(cls) -> set[str]:
        """The kinds of keys with which it can log in (docs/clients.md says why not with others)."""
        return KEYS

    def argv(self) -> list:
        raise NotImplementedError

    # ---- orders

    def clone(self, repository, directory: Path, timeout: float) -> None:
        self._order(timeout, "clone", self.url(repository), str(directory))

    def fetch(self, directory: Path, timeout: float) -> None:
        self._order(timeout, "fetch", str(directory))

    def push(self, directory: Path, refspec: str, timeout: float) -> None:
        self._order(timeout, "push", str(directory), refspec)

    def url(self, repository) -> str:
        door = self.person.door
        return f"ssh://git@{door.host}:{door.port}/{repository.path}.git"

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def _order(self, timeout: float, *words: str) -> None:
        if self._process is None:
            self._start()
        self._process.stdin.write(("\t".join(words) + "\n").encode())
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        if not ready:
            self.close()
            raise ClientHangs(f"{words[0]} is not over after {timeout} s")
        answer = self._process.stdout.readline().decode(errors="backslashreplace").strip()
        if not answer:
            self.close()
            raise ClientFailed(f"the client ended: {self._errors_file().read_text()[-2000:]}")
        if answer != "ok":
            raise ClientFailed(answer)

    def _start(self) -> None:
        with self._errors_file().open("ab") as errors:
            self._process = subprocess.Popen(
                # The kernel ends the client if the test run is killed.
                ["setpriv", "--pdeathsig", "KILL", *(str(word) for word in self.argv())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.person.env,
                cwd=self.person.home,
                bufsize=0,
            )

    def _errors_file(self) -> Path:
        return self.person.home / f"{self.name}.stderr"


class _PythonLibrary(OwnGit):
    @classmethod
    def why_not(cls) -> str | None:
        return None if importlib.util.find_spec(cls.name) else f"python3-{cls.name} is not installed"

    def argv(self) -> list:
        return [PYTHON, "-W", "ignore", HERE / f"{self.name}_git.py", self.person.key.private]


class Dulwich(_PythonLibrary):
    name = "dulwich"

    @classmethod
    def version(cls) -> str:
        return f"{metadata.version('dulwich')} over paramiko {metadata.version('paramiko')}"


class Pygit2(_PythonLibrary):
    name = "pygit2"

    @classmethod
    def keys(cls) -> set[str]:
        # libssh2 before 1.11 signs with RSA by SHA-1 alone.
        return KEYS - {"rsa"} if _package_version("libssh2-1").startswith("1.10") else KEYS

    @classmethod
    def version(cls) -> str:
        import pygit2

        loaded = subprocess.run(
            [PYTHON, "-c", "import pygit2; print(open('/proc/self/maps').read())"], capture_output=True, text=True
        ).stdout
        ssh = sorted({os.path.realpath(line.split()[-1]) for line in loaded.splitlines() if "libssh2" in line})
        return f"{pygit2.__version__}, libgit2 {pygit2.LIBGIT2_VERSION}, {' '.join(Path(path).name for path in ssh)}"


class GoGit(OwnGit):
    name = "go-git"
    false_failure = "failed: EOF"

    @classmethod
    def why_not(cls) -> str | None:
        if not shutil.which("go"):
            return "golang-go is not installed"
        if not Path("/usr/share/gocode/src/github.com/go-git/go-git").exists():
            return "golang-github-go-git-go-git-dev is not installed"
        return None

    @classmethod
    def version(cls) -> str:
        return _package_version("golang-github-go-git-go-git-dev")

    def argv(self) -> list:
        return [made.go_git(), self.person.key.private]


class JGit(OwnGit):
    name = "jgit"
    # JSch 0.1.55 knows no ed25519, and signs with RSA by SHA-1 alone. An ECDSA key whose private number has its
    # highest bit set it overwrites as it signs: from the second connection of a process on its signatures are wrong.
    key = {"kind": "ecdsa", "form": "PEM", "high_bit": False}

    @classmethod
    def why_not(cls) -> str | None:
        if not shutil.which("javac"):
            return "default-jdk-headless is not installed"
        if not Path(made.JARS, "org.eclipse.jgit.jar").exists():
            return "libjgit-java is not installed"
        return None

    @classmethod
    def version(cls) -> str:
        return f"{_package_version('libjgit-java')} over JSch {_package_version('libjsch-java')}"

    @classmethod
    def keys(cls) -> set[str]:
        old = _package_version("libjsch-java").startswith("0.1.")
        return {"ecdsa"} if old else {"ecdsa", "rsa", "ed25519"}

    def argv(self) -> list:
        # Java takes the home from the account of the user, whatever HOME says.
        return ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", f"-Duser.home={self.person.home}",
                "-cp", made.jgit_classpath(), "JGit"]


def _package_version(package: str) -> str:
    ran = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return ran.stdout.strip() or "of an unknown version"

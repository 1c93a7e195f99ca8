"""What the git clients need beside Debian's packages, made once below the build directory."""

import fcntl
import functools
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from ..programs import BUILD

HERE = Path(__file__).parent
MADE = BUILD / "git-clients"
JARS = "/usr/share/java"


@functools.cache
def go_git() -> Path:
    """The program of go_git/, built from Debian's sources of go-git; ClientNotMade tells why there is none."""
    program = MADE / "gopath/src/gerve/go_git/go-git"
    with _alone():
        if _older(program, *(HERE / "go_git").iterdir()):
            shutil.copytree(HERE / "go_git", program.parent, dirs_exist_ok=True)
            environment = {
                "GO111MODULE": "off",
                "GOPATH": f"{MADE}/gopath:/usr/share/gocode",
                "GOCACHE": f"{MADE}/go-cache",
            }
            _run(["go", "build", "-o", program.name, "."], program.parent, environment)
    return program


@functools.cache
def jgit_classpath() -> str:
    """The class path with JGit and the program of jgit/."""
    classes = MADE / "jgit"
    # From JGit 5.8 on, what speaks to JSch is a jar of its own.
    names = ("org.eclipse.jgit", "org.eclipse.jgit.ssh.jsch", "jsch", "jzlib", "javaewah", "slf4j-api", "slf4j-nop")
    jars = [path for name in names if os.path.exists(path := f"{JARS}/{name}.jar")]
    with _alone():
        if _older(classes / "JGit.class", HERE / "jgit/JGit.java"):
            _run(["javac", "-cp", ":".join(jars), "-d", str(classes), str(HERE / "jgit/JGit.java")], HERE)
    return ":".join([str(classes), *jars])


@functools.cache
def node_modules() -> Path:
    """The directory in which node finds ssh2, from the npm registry."""
    modules = MADE / "node_modules"
    with _alone():
        if not (modules / "ssh2/package.json").exists():
            _run(
                ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "ssh2@1"],
                MADE,
            )
    return modules


class ClientNotMade(Exception):
    """A program, or the source of one, is not to be had here."""


@contextmanager
def _alone():
    """Two processes of pytest may want the same thing made."""
    MADE.mkdir(parents=True, exist_ok=True)
    with open(MADE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _older(made: Path, *sources: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources)


def _run(argv: list[str], directory: Path, environment: dict[str, str] | None = None) -> None:
    try:
        ran = subprocess.run(
            argv,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ClientNotMade(str(error)) from None
    if ran.returncode != 0:
        raise ClientNotMade(f"{' '.join(argv)}: {ran.stderr.strip()[-500:]}")

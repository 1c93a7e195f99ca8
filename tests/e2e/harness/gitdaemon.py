"""A stock `git daemon` over a root of repositories."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from .processes import free_port, wait_until


class GitDaemon:
    """options: more of them for git-daemon(1)."""

    def __init__(self, directory: Path, *options: str):
        self.directory = directory
        self.root = directory / "daemon"
        self.root.mkdir(parents=True)
        self.log_file = directory / "daemon.log"
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        return f"git://127.0.0.1:{self.port}"

    def start(self) -> "GitDaemon":
        argv = ["setpriv", "--pdeathsig", "TERM", "git", "daemon", "--verbose", "--reuseaddr", "--listen=127.0.0.1",
                f"--port={self.port}", f"--base-path={self.root}", "--export-all", *self.options]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "GIT_CONFIG_NOSYSTEM": "1",
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        wait_until(self._listens, "git daemon listens")
        return self

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self) -> None:
        """With every git that it runs."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        return self.log_file.read_text(errors="backslashreplace")

    def take(self, source: Path, path: str) -> Path:
        """A copy of a bare repository at OWNER/NAME.git below its root."""
        disk = self.root / f"{path}.git"
        subprocess.run(["git", "-c", "safe.directory=*", "clone", "--quiet", "--mirror", str(source), str(disk)],
                       check=True)
        return disk

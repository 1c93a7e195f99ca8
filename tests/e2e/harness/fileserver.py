"""A gerve-agent of a test's own, as it runs on a file server: TCP, ticket keys, a root of repositories."""

import os
import signal
import subprocess
from pathlib import Path

from .gateway import SANITIZER_REPORT
from .grv1 import Open, Reply, TicketKey, converse, new_ticket_key
from .processes import free_port, session_members, wait_until
from .programs import program

CONFIG = """\
name = "{name}"
listen = ["{host}:{port}", "unix:{socket}"]
root = "{root}"
layout = "{layout}"
ticket_keys = [{keys}]
standby_file = "{standby}"
"""


class FileServer:
    """keys: how many, or which. root: one that another agent may serve as well. prefix: before its command line.
    more: further lines of its configuration."""

    def __init__(self, directory: Path, name: str = "fs1", keys: int | list[TicketKey] = 1, *,
                 root: Path | None = None, layout: str = "flat", host: str = "127.0.0.1",
                 prefix: list[str] | None = None):
        self.directory = directory
        self.prefix = prefix or []
        self.name = name
        self.layout = layout
        self.more = ""
        self.root = root or directory / "repositories"
        self.standby = directory / "standby"
        self.socket = str(directory / "agent.sock")
        self.log_file = directory / "agent.log"
        self.keys = [new_ticket_key() for _ in range(keys)] if isinstance(keys, int) else keys
        self.address = (host, free_port())
        directory.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen | None = None
        self.sessions: list[int] = []  # of its processes, one for each start

    @property
    def key(self) -> TicketKey:
        return self.keys[0]

    def start(self) -> "FileServer":
        files = [str(key.write(self.directory / f"ticket-{n}.key")) for n, key in enumerate(self.keys)]
        config = self.directory / "agent.toml"
        config.write_text(
            CONFIG.format(
                name=self.name,
                host=self.address[0],
                port=self.address[1],
                layout=self.layout,
                socket=self.socket,
                root=self.root,
                standby=self.standby,
                keys=", ".join(f'"{file}"' for file in files),
            )
            + self.more
        )
        Path(self.socket).unlink(missing_ok=True)  # of one that was killed
        argv = [*self.prefix, "setpriv", "--pdeathsig", "TERM", str(program("gerve-agent")), "-c", str(config)]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.sessions.append(self.process.pid)
        wait_until(
            lambda: self.process.poll() is not None or os.path.exists(self.socket), "gerve-agent listens"
        )
        assert self.process.poll() is None, f"gerve-agent ended at once:\n{self.log()}"
        return self

    def stop(self) -> None:
        """SIGTERM; the agent must end well and leave nothing behind."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        left = session_members(self.process.pid)
        assert status == 0, f"gerve-agent ended with {status}:\n{self.log()}"
        assert not left, f"gerve-agent left processes behind: {left}"
        assert not SANITIZER_REPORT.search(self.log()), self.log()

    def kill(self) -> None:
        """SIGKILL, to the agent alone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        return self.log_file.read_text(errors="backslashreplace")

    def repository(self, path: str = "alice/project") -> Path:
        """A repository with one commit, made on the disk."""
        disk = self.root / f"{path}.git"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{name}_NAME": "test", f"GIT_{name}_EMAIL": "test@example.org"}
        git = ["git", "-C", str(disk)]
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(disk)], check=True)
        tree = subprocess.check_output([*git, "mktree"], input=b"", env=environment).decode().strip()
        commit = subprocess.check_output([*git, "commit-tree", "-m", "One", tree], env=environment).decode()
        subprocess.run([*git, "update-ref", "refs/heads/main", commit.strip()], check=True, env=environment)
        return disk

    def open(self, path: str = "alice/project", **fields) -> Open:
        """An OPEN that is in order in every respect, but for the fields given."""
        values = {"owner": path.split("/")[0], "storage_path": f"{path}.git", "audience": self.name, **fields}
        return Open(**values)

    def ask(self, path: str = "alice/project", **fields) -> Reply:
        """What it answers to that OPEN, signed with the first key, and to a flush packet for git."""
        return converse(self.address, self.open(path, **fields).encode(self.key))

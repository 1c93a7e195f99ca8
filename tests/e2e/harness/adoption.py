"""A site beside whose repositories there are others, which are to be taken over; and what interrupts that."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from .audit import check_trail, events
from .production import Production
from .site import Repository

ADOPT = b"\x00\x0d\x00\x05adopt"  # in an OPEN


class House(Production):
    """A site whose file server may take repositories from `old`."""

    def __init__(self, directory: Path, layout: str):
        super().__init__(directory)
        self.old = directory / "old"
        self.old.mkdir()
        self.files.layout = layout
        self.files.more = f'adopt_from = ["{self.old}"]\n'

    @property
    def is_by_id(self) -> bool:
        return self.files.layout == "hashed-id"

    def owner(self, name: str = "alice"):
        """Somebody whose repositories are on the file server, with a directory of that name in `old`."""
        person = self.person(name)
        self.gerve("route", "set", person.login, self.files.name)
        (self.old / person.login).mkdir()
        return person

    def lies_in(self, place: Path, object_format: str = "sha1") -> Path:
        """A bare repository with one commit."""
        seed = self.directory / f"seed-{object_format}.git"
        if not seed.exists():
            git = ["git", "--git-dir", str(seed)]
            environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
            for name in ("AUTHOR", "COMMITTER"):
                environment |= {f"GIT_{name}_NAME": "test", f"GIT_{name}_EMAIL": "test@example.org"}
            subprocess.run(["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main",
                            f"--object-format={object_format}", str(seed)], check=True)
            tree = subprocess.check_output([*git, "mktree"], input=b"").decode().strip()
            commit = subprocess.check_output([*git, "commit-tree", "-m", "One", tree], env=environment).decode()
            subprocess.run([*git, "update-ref", "refs/heads/main", commit.strip()], check=True)
        shutil.copytree(seed, place)
        return place

    def lost(self, person, name: str = "site.git", **options) -> Path:
        return self.lies_in(self.old / person.login / name, **options)

    def listing(self) -> dict:
        """What is on the disks and in the tables."""
        found = {}
        for top in (self.old, self.files.root):
            for path in [top, *top.rglob("*")]:
                status = path.lstat()
                found[str(path)] = (status.st_ino, status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns)
        return {"disk": found, "table": self.gerve_json("repo", "list"), "trail": len(events(self, "--event", "admin"))}

    def entry_of(self, path: str) -> dict | None:
        return next((one for one in self.gerve_json("repo", "list") if one["repository"] == path), None)


@contextmanager
def mounted(place: Path, *options: str):
    """A mount over a directory; skips the test where none can be made."""
    if subprocess.run(["mount", *options, place]).returncode != 0:
        pytest.skip(f"cannot mount: {options}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@contextmanager
def running_house(workspace: Path, layout: str):
    site = House(Path(tempfile.mkdtemp(prefix="adopt-", dir=workspace)), layout)
    try:
        site.start()
        yield site
        check_trail(site)
        site.stop()
    finally:
        site.kill()


def is_served(person, path: str) -> bool:
    """Cloned and pushed to by real git through the gateway."""
    owner, name = path.split("/")
    work = person.clone(Repository(owner, name, Path("/")), into=f"copy-{time.monotonic_ns()}")
    head = work.commit(f"more-{time.monotonic_ns()}")
    work.git("push", "--quiet", "origin", "HEAD:main")
    return work.git("ls-remote", "origin", "refs/heads/main").stdout.startswith(head)


class Front:
    """In front of an agent; does something of its own with the call `adopt`."""

    def __init__(self, agent, deed):
        self.agent = agent
        self.deed = deed  # (front, message) -> whether the message goes on to the agent
        self.answers = True
        self.asked = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client) -> None:
        with client:
            message = client.recv(65536)
            if ADOPT in message:
                self.asked.set()
                if not self.deed(self):
                    return
            with socket.create_connection(self.agent.address) as agent:
                agent.sendall(message)
                while piece := agent.recv(65536):
                    if self.answers or ADOPT not in message:
                        client.sendall(piece)


def in_front(house, deed) -> Front:
    front = Front(house.files, deed)
    house.gerve("server", "set", "fs1", front.endpoint)
    return front


def real(house) -> None:
    house.gerve("server", "set", "fs1", f"127.0.0.1:{house.files.address[1]}")


def tree_of(house, name: str) -> Path:
    tree = house.old / name
    tree.mkdir()
    return tree

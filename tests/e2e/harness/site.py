"""A site: one state directory, the people and repositories in it, and the doors that lead there."""

import itertools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .client import Client, Door
from .gateway import Gateway
from .keys import Key, make_key
from .outcome import Outcome
from .programs import program
from .terminal import Terminal


@dataclass(frozen=True)
class Repository:
    """A repository of a site. `url` is what a client of the site types."""

    owner: str
    name: str
    state: Path

    @property
    def path(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def url(self) -> str:
        return f"gerve:{self.path}.git"

    @property
    def disk(self) -> Path:
        """Where it lies on the disk of the embedded file server."""
        found = []
        for directory, inner, _ in os.walk(self.state):
            if Path(directory).name == self.owner and f"{self.name}.git" in inner:
                found.append(Path(directory, f"{self.name}.git"))
            # Not into a repository: a push that is under way makes and removes directories there.
            inner[:] = [name for name in inner if not name.endswith(".git")]
        assert len(found) == 1, f"{self.path} is on disk at {found}"
        return found[0]

    def git(self, *args: str) -> str:
        """What git says about it, read on the disk and not through Gerve."""
        argv = ["git", "--git-dir", str(self.disk), *args]
        environment = {
            **os.environ,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        ran = subprocess.run(argv, capture_output=True, text=True, env=environment)
        assert ran.returncode == 0, f"{argv}: {ran.stderr}"
        return ran.stdout.strip()

    def rev(self, name: str) -> str:
        return self.git("rev-parse", "--verify", name)

    def hook(self, name: str, script: str) -> None:
        """Installs a hook in sh."""
        file = self.disk / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def configure(self, key: str, value: str) -> None:
        self.git("config", key, value)

    def quarantines(self) -> list[Path]:
        """Directories in which receive-pack keeps what it has not accepted yet."""
        return sorted((self.disk / "objects").glob("*incoming-*"))


class Site:
    """Accounts, keys and repositories made with the real commands behind one gateway."""

    def __init__(self, directory: Path, config: str | None = None, prefix: list[str] | None = None):
        self.directory = directory
        self.gateway = Gateway(directory, config, prefix)
        self.admin = Terminal(directory / "admin", "admin")
        self._numbers = itertools.count(1)

    @property
    def state(self) -> Path:
        return self.gateway.state

    def start(self) -> "Site":
        self.gateway.start()
        return self

    def door(self) -> Door:
        """The gateway's own door. Its host key is what it answers now."""
        return Door.scan(self.gateway.host, self.gateway.port)

    def gerve(self, *args, **expected) -> Outcome:
        """A `gerve` command of this site's administrator."""
        return self.admin.run(program("gerve"), *self.gateway.options, *args, **expected)

    def gerve_json(self, *args):
        return json.loads(self.gerve(*args, "--json").stdout)

    def entry(self, value: str, *command) -> dict:
        """The one entry, of the array that a list prints with --json, which has this value somewhere."""
        listed = self.gerve_json(*command)
        assert isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed), listed
        found = [entry for entry in listed if value in entry.values()]
        assert len(found) == 1, f"{len(found)} entries with {value!r} in {command}"
        return found[0]

    def fresh(self, name: str) -> str:
        """A name that nobody has on this site: NAME-7."""
        return f"{name}-{next(self._numbers)}"

    # ---- people

    def stranger(self, name: str = "stranger", door: Door | None = None, **key_options) -> Client:
        """Somebody with a key that the site does not know."""
        login = self.fresh(name)
        home = self.directory / login
        key = make_key(self.directory / f"{login}.keys" / "id", **key_options)
        return Client(home, login, door or self.door(), key)

    def person(self, name: str = "alice", door: Door | None = None, **key_options) -> Client:
        """A user with an account and a fresh key."""
        client = self.stranger(name, door, **key_options)
        self.gerve("user", "add", client.login)
        self.add_key(client.login, client.key)
        return client

    def organisation(self, name: str = "org") -> str:
        login = self.fresh(name)
        self.gerve("user", "add", login, "--org")
        return login

    def team(self, organisation: str, *members: Client, name: str = "team") -> str:
        """A team of an organisation, as ORG/TEAM."""
        team = f"{organisation}/{self.fresh(name)}"
        self.gerve("team", "add", team)
        for member in members:
            self.gerve("team", "member", "add", team, member.login)
        return team

    def add_key(self, login: str, key: Key, *options: str) -> Key:
        self.gerve("key", "add", login, key.public, *options)
        return key

    def deploy_client(self, repository: Repository, door: Door | None = None, write: bool = False) -> Client:
        """A machine that holds a deploy key of the repository."""
        client = self.stranger("machine", door)
        self.gerve("deploy-key", "add", repository.path, client.key.public, *(["--write"] if write else []))
        return client

    # ---- repositories

    def repository(self, owner: Client | str, name: str = "project", private: bool = False) -> Repository:
        """A new, empty repository."""
        login = owner if isinstance(owner, str) else owner.login
        self.gerve("repo", "create", f"{login}/{name}", "--private" if private else "--public")
        return Repository(login, name, self.state)

    def newcomer(self, name: str = "alice") -> tuple[Client, Repository]:
        """Somebody with a repository in which there is a commit."""
        client = self.person(name)
        repository = self.repository(client)
        client.publish(repository)
        return client, repository

    def grant(self, repository: Repository, whom: Client | str, level: str) -> None:
        """level: read, write or admin. whom: a person or ORG/TEAM."""
        name = whom if isinstance(whom, str) else whom.login
        self.gerve("access", "grant", repository.path, name, level)

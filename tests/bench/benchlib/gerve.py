"""Gerve with its embedded default: one state directory, SQLite, authz and agent on unix sockets."""

import os
import subprocess

from benchlib import building, processes
from benchlib.system import BenchError, System

# So many accounts share 2,000 sessions in flight without reaching their limits.
CROWD = 40
SUBCOMMAND_ROLES = ("worker", "authz", "agent")


class Gerve(System):
    name = "gerve"
    title = "Gerve"

    def __init__(self, workspace, build):
        super().__init__(workspace, build)
        self._binary = building.program(build, "gerve")
        self._state = os.path.join(self.directory, "state")
        self._crowd = []

    def unavailable(self):
        return None if self._binary else f"{self.build} has no program gerve"

    def install(self):
        self._gerve("user", "add", self.owner)
        self._gerve("key", "add", self.owner, self.workspace.key + ".pub")
        for number in range(CROWD):
            key = os.path.join(self.directory, f"crowd-{number}")
            self.workspace.make_key(key)
            self._gerve("user", "add", f"crowd-{number}")
            self._gerve("key", "add", f"crowd-{number}", key + ".pub")
            self._crowd.append(key)

    def crowd_keys(self):
        return self._crowd

    def command(self, stock_limits):
        return [self._binary, *self.options(), "serve", "--listen", f"127.0.0.1:{self.port}"]

    def options(self):
        """By which any command finds this installation."""
        return ["--state", self._state]

    def create_repository(self, name):
        self._gerve("repo", "create", f"{self.owner}/{name}", "--public")

    def delete_repository(self, name):
        self._gerve("repo", "delete", f"{self.owner}/{name}")

    def role_of(self, pid):
        """worker, authz, agent or master, by program and subcommand; git for everything git runs."""
        name = processes.executable(pid)
        if name is None or processes.is_git(name):
            return "git" if name else None
        if not name.startswith("gerve"):
            return name
        if name == "gerve-agent":
            return "agent"
        words = processes.arguments(pid)[1:]
        return next((word for word in words if word in SUBCOMMAND_ROLES), "master")

    def _gerve(self, *arguments):
        result = subprocess.run([self._binary, *self.options(), *arguments], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=30, cwd=self.directory, env=self.environment())
        if result.returncode != 0:
            raise BenchError(f"gerve {' '.join(arguments[:2])} exited {result.returncode}: "
                             f"{(result.stderr or result.stdout).strip()[-400:]}")


CONFIG_UNAUDITED = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[audit]
enabled = false
"""


class Unaudited(Gerve):
    """The same without an audit trail: what that costs is the difference."""

    name = "unaudited"
    title = "no audit"

    def options(self):
        file = os.path.join(self.directory, "gerve.toml")
        if not os.path.exists(file):
            with open(file, "w") as config:
                config.write(CONFIG_UNAUDITED.format(state=self._state, port=self.port))
        return ["-c", file]

    def command(self, stock_limits):
        return [self._binary, *self.options(), "serve"]

"""The way from the front to a file server: a stock git daemon, Gerve's worker and agent over TCP, and a second ssh."""

import os
import shutil
import socket
import statistics
import subprocess
import time

from benchlib import building, git_alone
from benchlib.gerve import Gerve
from benchlib.measures import running
from benchlib.system import BenchError, System, free_port

WARM_UPS = 5

FLEET_CONFIG = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
git = ["127.0.0.1:{git}"]
[routes]
[authz]
ticket_keys = ["{directory}/ticket.key"]
[ssh]
max_unauthenticated = 100000
max_unauthenticated_per_source = 100000
"""

AGENT_CONFIG = """\
name = "fs1"
listen = ["127.0.0.1:{agent}"]
root = "{directory}/repositories"
ticket_keys = ["{directory}/ticket.key"]
"""

# Both end together with what started them.
SERVE = r'"$1" -c "$2/agent.toml" & agent=$!; trap "kill \$agent \$gerve; wait" TERM; "$3" -c "$2/gerve.toml" serve & gerve=$!; wait; wait'


class GitDaemon(System):
    """git daemon, asked directly."""

    name = "git-daemon"
    title = "git daemon"
    speaks_ssh = False
    takes_push = False

    def unavailable(self):
        there = subprocess.run([git_alone.GIT, "daemon", "--help"], capture_output=True, check=False)
        return None if there.returncode in (0, 129) or there.stdout else "git daemon is not installed"

    def install(self):
        self._root = os.path.join(self.directory, "root")
        os.makedirs(os.path.join(self._root, self.owner))

    def command(self, stock_limits):
        return [git_alone.GIT, "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={self.port}",
                f"--base-path={self._root}", "--export-all", "--max-connections=0"]

    def environment(self):
        return {**super().environment(), "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*"}

    def create_repository(self, name):
        self._run("init", "--quiet", "--bare", self._path(name))

    def delete_repository(self, name):
        shutil.rmtree(self._path(name))

    def fill(self, repository):
        self._run("-C", repository.path, "push", "--quiet", "--mirror", self._path(repository.name))

    def url(self, name):
        return f"git://127.0.0.1:{self.port}/{self.owner}/{name}.git"

    def git_port(self):
        return self.port

    def _path(self, name):
        return os.path.join(self._root, self.owner, f"{name}.git")

    def _run(self, *arguments):
        subprocess.run([git_alone.GIT, *arguments], check=True, capture_output=True,
                       env=self.workspace.git_environment())


class Fleet(Gerve):
    """Gerve as production has it: the agent is a program of its own, reached over TCP with tickets; SQLite."""

    name = "fleet"
    title = "Gerve, agent on TCP"

    def install(self):
        self._git_port, self._agent_port = free_port(), free_port()
        words = {"directory": self.directory, "state": self._state, "port": self.port, "git": self._git_port,
                 "agent": self._agent_port}
        os.makedirs(os.path.join(self.directory, "repositories"))
        subprocess.run([self._binary, "ticket-key", "new", os.path.join(self.directory, "ticket.key")], check=True,
                       capture_output=True)
        for name, text in (("gerve.toml", FLEET_CONFIG), ("agent.toml", AGENT_CONFIG)):
            with open(os.path.join(self.directory, name), "w") as file:
                file.write(text.format(**words))
        super().install()
        self._gerve("server", "add", "fs1", f"127.0.0.1:{self._agent_port}")
        self._gerve("route", "set", self.owner, "fs1")

    def options(self):
        return ["-c", os.path.join(self.directory, "gerve.toml")]

    def command(self, stock_limits):
        return ["sh", "-c", SERVE, "sh", building.program(self.build, "gerve-agent"), self.directory, self._binary]

    def role_of(self, pid):
        role = super().role_of(pid)
        return "master" if role in ("sh", "dash") else role

    def git_port(self):
        return self._git_port


def hop(bench, system):
    """Milliseconds to the first byte of an ls-remote: by git://, from connecting; by ssh, from starting it."""
    with running(system):
        first_byte = _by_ssh if not hasattr(system, "git_port") else _by_git
        times = [first_byte(system) for _ in range(WARM_UPS + bench.plan.real_runs * 4)][WARM_UPS:]
    return {"hop/first_byte_p50_ms": statistics.median(times), "hop/first_byte_min_ms": min(times)}


def _by_git(system):
    request = f"git-upload-pack /{system.owner}/seed.git\0host=localhost\0\0version=2\0".encode()
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", system.git_port()), 20) as connection:
        connection.sendall(git_alone.pkt_line(request))
        first = connection.recv(65536)
        took = (time.perf_counter() - begin) * 1000
        if b"version 2" not in first:
            raise BenchError(f"{system.name}: {first[:200]!r}")
        connection.sendall(b"0000")
        while connection.recv(65536):
            pass
    return took


def _by_ssh(system):
    """What a gateway of 2009 waited for: its own `ssh`, to a second sshd."""
    argv = ["ssh", "-F", os.path.join(system.directory, "ssh_config"), "-p", str(system.port), f"{system.login}@127.0.0.1",
            f"git-upload-pack '{system.path_prefix()}{system.exec_path('seed')}'"]
    begin = time.perf_counter()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=system.client_environment())
    first = process.stdout.read(4)
    took = (time.perf_counter() - begin) * 1000
    process.communicate(b"0000", timeout=20)
    if len(first) != 4:
        raise BenchError(f"{system.name}: ssh brought nothing")
    return took

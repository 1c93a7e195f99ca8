"""A file server for a test: a root with repositories, an agent over it, and real git through GRV1."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.append(os.path.join(os.path.dirname(__file__), "../../../e2e"))
import grv1  # noqa: E402

HERE = Path(__file__).resolve().parent
PROGRAM = os.environ.get("GERVE_AGENT", str(HERE.parents[3] / "build/gerve/agent/gerve-agent"))
SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")


def wait_until(condition, timeout=10.0, what="it"):
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {timeout} s for {what}"
        time.sleep(0.01)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def git(*words, cwd=None, env=None, check=True, timeout=120, **more):
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_AUTHOR_NAME": "Bert", "GIT_AUTHOR_EMAIL": "bert@example.org",
                   "GIT_COMMITTER_NAME": "Bert", "GIT_COMMITTER_EMAIL": "bert@example.org", **(env or {})}
    return subprocess.run(["git", *words], cwd=cwd, env=environment, check=check, timeout=timeout,
                          capture_output=True, text=True, **more)


class Agent:
    """One running gerve-agent."""

    def __init__(self, site: "Site", settings: str, environment: dict, arguments: list, pass_fds=(), files=None):
        self.site = site
        site.write_settings(settings)
        self.log_file = site.directory / f"agent{len(site.agents)}.log"
        with self.log_file.open("ab") as log:
            argv = [*site.prefix, PROGRAM, "-c", str(site.config_file), *arguments]
            self.process = subprocess.Popen(argv, stderr=log,
                                            stdin=subprocess.DEVNULL, pass_fds=pass_fds,
                                            preexec_fn=files and (lambda: limit_files(files)),
                                            env={**sanitizer_options(), **environment})
        wait_until(lambda: "serving" in self.log() or self.process.poll() is not None, what="the agent")
        assert self.process.poll() is None, self.log()

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def log_lines(self, *words) -> list[str]:
        """The events with all of these words; the first is how the event starts."""
        return [line for line in self.log().splitlines()
                if f"agent: {words[0]}" in line and all(word in line for word in words[1:])]

    def children(self) -> list[int]:
        return descendants(self.pid)

    def stop(self, timeout=20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.kill()
            self.process.wait()
            for report in SANITIZER_REPORTS:
                assert report not in self.log(), self.log()


def limit_files(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def sanitizer_options() -> dict:
    return {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def descendants(pid: int) -> list[int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                    parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                pass
    found, wanted = [], {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted and child not in found}
        found += wanted
    return [child for child in found if alive(child)]


class Site:
    """A directory with a root of repositories, a ticket key and the addresses of an agent over them."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        self.config_file = directory / "agent.toml"
        self.unix = str(directory / "agent.sock")
        self.tcp = ("127.0.0.1", free_port())
        self.key = grv1.TicketKey()
        self.key_file = self.write_key(self.key, "ticket.key")
        self.agents: list[Agent] = []
        self.sessions: list[grv1.Session] = []
        self.layout = "flat"
        self.prefix: list[str] = []  # before an agent's command line

    def write_key(self, key: grv1.TicketKey, name: str) -> Path:
        file = self.directory / name
        file.write_text(key.file_content())
        file.chmod(0o600)
        return file

    def write_settings(self, settings: str) -> None:
        self.config_file.write_text(f'name = "fs1"\nroot = "{self.root}"\nlayout = "{self.layout}"\n' + settings)

    def signed_settings(self) -> str:
        return (f'listen = ["unix:{self.unix}", "{self.tcp[0]}:{self.tcp[1]}"]\n'
                f'ticket_keys = ["{self.key_file}"]\n')

    def start(self, more="", environment=None, arguments=(), settings=None, pass_fds=(),
              files=None) -> Agent:
        """An agent on a unix socket and on TCP that wants tickets, unless `settings` says otherwise."""
        agent = Agent(self, (self.signed_settings() if settings is None else settings) + more,
                      environment or {}, list(arguments), pass_fds, files)
        self.agents.append(agent)
        return agent

    def make_repository(self, path="mojombo/bert.git", commits=1, place=None) -> Path:
        bare = self.root / (place or path)
        bare.parent.mkdir(parents=True, exist_ok=True)
        git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(bare))
        work = self.directory / f"seed-{len(list(self.directory.iterdir()))}"
        git("clone", "--quiet", str(bare), str(work))
        for number in range(commits):
            (work / "README").write_text(f"line {number}\n" * 10)
            git("add", "README", cwd=work)
            git("commit", "--quiet", "-m", f"change {number}", cwd=work)
        git("push", "--quiet", "origin", "HEAD:main", cwd=work)
        return bare

    def make_big_repository(self, path="mojombo/big.git", megabytes=48) -> Path:
        bare = self.make_repository(path)
        work = self.directory / "seed-big"
        git("clone", "--quiet", str(bare), str(work))
        (work / "blob").write_bytes(os.urandom(megabytes << 20))
        for place in (bare, work):
            git("config", "core.compression", "0", cwd=place)
        git("add", "blob", cwd=work)
        git("commit", "--quiet", "-m", "big", cwd=work)
        git("push", "--quiet", "origin", "HEAD:main", cwd=work)
        return bare

    def open(self, service=grv1.UPLOAD_PACK, path="mojombo/bert.git", address=None, timeout=20, **fields) -> grv1.Session:
        message = grv1.Open(service, path, **fields).encode(self.key)
        self.sessions.append(grv1.Session(address or self.tcp, message, timeout))
        return self.sessions[-1]

    def git(self, *words, address=None, signed=True, env=None, config=(), repo_id=0, hooks=None, extra=(), **more):
        """Real git whose ssh is the bridge; `fs:OWNER/NAME.git` is a URL."""
        site = {"address": address or self.tcp, "audience": "fs1", "env": hooks or {}, "config": list(config),
                "repo_id": repo_id, "extra": [[kind, value.hex()] for kind, value in extra],
                "key": [self.key.id.hex(), self.key.secret.hex()] if signed else None}
        file = self.directory / f"site-{os.urandom(4).hex()}.json"
        file.write_text(json.dumps(site))
        return git(*words, env={"GIT_SSH_COMMAND": f"/usr/bin/python3 -IS {HERE / 'bridge.py'}", "GIT_SSH_VARIANT": "ssh",
                                "GRV1_SITE": str(file), **(env or {})}, **more)

    def stop(self):
        for session in self.sessions:
            session.close()
        for agent in self.agents:
            agent.stop()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def bare(site):
    """A repository, served by `site.agent`."""
    repository = site.make_repository()
    site.agent = site.start()
    return repository

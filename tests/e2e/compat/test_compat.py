"""What earlier releases left behind is opened, migrated, verified and understood: docs/compatibility.md."""

import json
import lzma
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness import grv1
from harness.client import Client
from harness.clock import Clock
from harness.compat import RELEASES, check_still_told, read_told, told_of
from harness.database import Database
from harness.fileserver import FileServer
from harness.keys import Key, make_key
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.programs import program
from harness.site import Repository, Site
from harness.terminal import Terminal


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request) -> Path:
    return request.param


@pytest.fixture
def directory(workspace) -> Path:
    return Path(tempfile.mkdtemp(prefix="compat-", dir=workspace))


@pytest.fixture
def left_behind(release, directory):
    """A site over the state directory of that release; not started."""
    site = Site(directory)
    site.state.mkdir(mode=0o700)
    with tarfile.open(release / "state.tar.xz") as archive:
        archive.extractall(site.state)
    yield site
    site.gateway.kill()


def test_there_are_releases():
    assert RELEASES, "tests/compat holds no release"


def test_its_directory_is_read(release, left_behind):
    left_behind.gerve("schema", "migrate")
    then = read_told(release)
    check_still_told({name: value for name, value in then.items() if " list" in name}, told_of(left_behind))


def test_its_trail_is_verified_and_carried_on(release, left_behind):
    events = read_told(release)["audit_events"]
    left_behind.gerve("audit", "verify", says=f"events 1 to {events} ")
    left_behind.start()
    left_behind.gerve("user", "add", "newcomer")
    left_behind.gateway.stop()
    left_behind.gerve("audit", "verify", says="events 1 to ")
    lines = [json.loads(line) for line in left_behind.gerve("audit", "--json").stdout.splitlines()]
    assert len(lines) > events
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1)), "one chain"


def test_its_users_clone_and_push(release, left_behind, directory):
    told = read_told(release)
    left_behind.start()
    owner, name = told["repository"].split("/")
    private = directory / "alice"
    shutil.copy(release / "alice", private)
    private.chmod(0o600)
    subprocess.run(["sh", "-c", 'ssh-keygen -y -f "$1" >"$1.pub"', "sh", str(private)], check=True)
    alice = Client(directory / "home", told["alice"], left_behind.door(), Key(private))
    repository = Repository(owner, name, left_behind.state)
    work = alice.clone(repository)
    assert repository.rev("main") == told["head"]
    work.commit("file-2", "two")
    work.git("push", "--quiet")
    assert repository.rev("main~1") == told["head"]
    left_behind.gateway.stop()


def test_its_database_is_migrated(release, directory):
    database = Database(directory)
    try:
        dump = lzma.decompress((release / "mysql.sql.xz").read_bytes()).decode()
        database.run(f"USE gerve;\n{dump}")
        site = Site(directory, database.config(database.server.port))
        database.make_accounts("gerve")
        site.gerve("schema", "migrate")
        check_still_told(read_told(release)["mysql"], told_of(site))
    finally:
        database.stop()


# ---- GRV1

@pytest.fixture
def fetch(release) -> dict:
    return json.loads((release / "grv1.json").read_text())


def test_its_gateways_are_served(release, fetch, directory):
    """An agent of now, at that time, is sent what a gateway sent then."""
    clock = Clock(directory / "clock")
    if why := clock.why_not():
        pytest.skip(why)
    clock.jump(int(fetch["at"] - time.time()))
    key = grv1.TicketKey.load(release / "grv1-ticket.key")
    server = FileServer(directory / "files", fetch["server"], [key], prefix=clock.prefix)
    disk = server.root / f"{fetch['repository']}.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(release / "grv1.bundle"), str(disk)], check=True)
    server.start()
    with grv1.Upstream(server.address) as upstream:
        upstream.send((release / "grv1-gateway.bin").read_bytes())
        reply = upstream.read_reply()
    server.stop()
    assert reply.opened and reply.exit == 0, reply
    for line in fetch["told"].splitlines():
        assert line.split("\t")[0].encode() in reply.stdout, line


class ReplayedAgent:
    """Answers each connection with what an agent answered then, whatever it is sent."""

    def __init__(self, answer: bytes):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)
                while connection.recv(65536):
                    pass

    def close(self):
        self.listener.close()


def test_its_agents_are_understood(release, fetch, private_sites):
    """A gateway of now is answered as an agent answered then."""
    site = private_sites()
    agent = ReplayedAgent((release / "grv1-agent.bin").read_bytes())
    try:
        alice = site.person("alice")
        repository = site.repository(alice)
        site.gerve("server", "add", fetch["server"], f"127.0.0.1:{agent.port}")
        site.gerve("route", "set", alice.login, fetch["server"])
        # The answer does not wait for what git sends: git may write to an ssh that has ended.
        ends = (0, 128, -signal.SIGPIPE)
        wait_until(lambda: alice.git("ls-remote", repository.url, exit=ends).stdout == fetch["told"],
                   "what was told then")
        # git does not look at the exit status of ssh here.
        alice.ssh(f"git-upload-pack '{repository.path}'", exit=0, says="refs/heads/main")
    finally:
        agent.close()


# ---- configuration

@pytest.fixture
def furnished(release, directory) -> Path:
    """The files and directories that its configurations name."""
    for name in ("root", "template"):
        (directory / name).mkdir()
    make_key(directory / "host_key")
    for name, content in (("ticket.key", (release / "grv1-ticket.key").read_text()), ("password", "secret\n"),
                          ("ca.pem", ""), ("notice", "Hello\n")):
        (directory / name).write_text(content)
        (directory / name).chmod(0o600)
    return directory


def with_places(release, name, directory) -> Path:
    config = directory / name
    config.write_text((release / name).read_text().replace("{directory}", str(directory)))
    return config


def test_its_configuration_is_read(release, furnished):
    """The backends that it names are not here."""
    config = with_places(release, "gerve.toml", furnished)
    Terminal(furnished / "home", "admin").run(program("gerve"), "-c", config, "check", exit=NONZERO,
                                              says=f"OK    configuration  {config}\n")


def test_its_agents_configuration_is_read(release, furnished):
    config = with_places(release, "gerve-agent.toml", furnished)
    Terminal(furnished / "home", "admin").run(program("gerve-agent"), "-c", config, "--check")

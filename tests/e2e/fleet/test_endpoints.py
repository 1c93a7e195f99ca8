"""Endpoints of file servers: a dead one is remembered, names are looked up, and what lasts too long is ended."""

import socket
import subprocess
from contextlib import closing

import pytest

from harness.fileserver import FileServer
from harness.processes import free_port, session_members, wait_until
from harness.production import running_production

LISTEN = """
[upstream]
connect_timeout = "1s"
[upstream.idle_timeout]
upload_pack = "1s"
receive_pack = "1s"
[upstream.max_duration]
upload_archive = "2s"
[ssh]
workers = 1
"""


@pytest.fixture(scope="module")
def house(workspace):
    with running_production(workspace, listen=LISTEN) as site:
        yield site


@pytest.fixture
def alice(house):
    return house.person("alice")


@pytest.fixture
def project(house, alice):
    repository = house.repository(alice)
    alice.publish(repository)
    return repository


def test_a_dead_endpoint_costs_one_session_its_time_out(house, alice, project):
    """A machine that is off, and is turned on again. Tickets are for a server by name: so the endpoints change."""
    alive = f"127.0.0.1:{house.files.address[1]}"
    up = house.metrics.value
    with closing(socket.socket()) as dead:
        dead.bind(("127.0.0.1", free_port()))
        dead.listen(16)  # takes connections, and never says a word
        silent = f"127.0.0.1:{dead.getsockname()[1]}"
        house.gerve("server", "set", house.files.name, silent, alive)
        wait_until(lambda: silent in house.gerve("route", "get", alice.login).stdout, "the endpoints are changed")
        first = wait_until(lambda: _slow(alice, project), "the dead endpoint is met", timeout=20)
        assert first < 4
        assert max(alice.git("ls-remote", project.url).seconds for _ in range(3)) < 1
        assert up("gerve_endpoint_up", endpoint=silent) == 0
        assert up("gerve_endpoint_up", endpoint=alive) == 1
        assert up("gerve_endpoint_attempts_total", endpoint=silent, result="silent") >= 1
        port = dead.getsockname()[1]
    replacement = FileServer(house.directory / "again", house.files.name, house.files.keys, root=house.files.root)
    replacement.address = ("127.0.0.1", port)
    replacement.start()
    try:
        wait_until(lambda: up("gerve_endpoint_up", endpoint=silent) == 1, "it is asked, and answers", timeout=20)
        before = replacement.log().count(" agent: done ")
        alice.git("ls-remote", project.url)
        wait_until(lambda: replacement.log().count(" agent: done ") == before + 1, "it is the first again")
        wait_until(lambda: "endpoint serves again" in house.gateway.log(), "it is logged")
    finally:
        replacement.stop()
        house.gerve("server", "set", house.files.name, alive)


def _slow(alice, project) -> float | None:
    seconds = alice.git("ls-remote", project.url).seconds
    return seconds if seconds > 0.9 else None


def test_check_tells_a_standby_from_one_that_is_wrong(house):
    """Of an active/standby pair all is well while one serves; not while neither does."""
    second = FileServer(house.directory / "second", house.files.name, house.files.keys, root=house.files.root)
    stranger = FileServer(house.directory / "stranger", house.files.name)  # with a ticket key of its own
    addresses = [f"127.0.0.1:{one.address[1]}" for one in (house.files, second, stranger)]
    second.standby.touch()
    try:
        second.start()
        stranger.start()
        house.gerve("server", "set", house.files.name, *addresses[:2])
        told = house.gerve("check").stdout
        assert f"{addresses[0]} answers\n" in told
        assert f"{addresses[1]} answers: on standby\n" in told

        house.files.standby.touch()
        told = house.gerve("check", exit=1).stdout
        assert "none of its endpoints is serving; remove the standby file of one of them" in told
        house.files.standby.unlink()

        house.gerve("server", "set", house.files.name, addresses[0], addresses[2])
        told = house.gerve("check", exit=1).stdout
        assert f"{addresses[2]}: the file server refused" in told
        assert "compare name, ticket_keys and clock" in told
    finally:
        house.files.standby.unlink(missing_ok=True)
        house.gerve("server", "set", house.files.name, addresses[0])
        second.stop()
        stranger.stop()


def test_a_name_is_looked_up_by_a_confined_worker(house, alice, project):
    alive = f"127.0.0.1:{house.files.address[1]}"
    by_name = f"localhost:{house.files.address[1]}"
    house.gerve("server", "set", house.files.name, by_name)
    try:
        wait_until(lambda: alice.git("ls-remote", project.url) and
                   house.metrics.value("gerve_endpoint_up", endpoint=by_name) == 1, "it is reached by its name")
        house.gerve("server", "set", house.files.name, "no-such-host.invalid:9419", alive)
        wait_until(lambda: alice.git("ls-remote", project.url) and "no-such-host.invalid: " in house.gateway.log(),
                   "the resolver is asked, and another endpoint serves", timeout=20)
    finally:
        house.gerve("server", "set", house.files.name, alive)


def test_an_idle_session_is_ended_and_told_so(house, alice, project):
    told = "ERROR: No data for 1 s, so Gerve closed the session. (request "
    idle = alice.start_ssh(f"git-upload-pack '{project.path}'", stdin=-1)
    idle.process.stdin.flush()
    upstream = ["ss", "-tnoH", "state", "established", "dst", f"127.0.0.1:{house.files.address[1]}"]
    wait_until(lambda: "timer:(keepalive," in subprocess.run(upstream, capture_output=True, text=True, check=True).stdout,
               "the kernel watches over the connection to the file server", every=0.1)
    wait_until(lambda: " ended=idle" in house.gateway.log(), "it is ended")
    idle.finish(exit=128, says=told)


def test_a_long_hook_is_not_idle(house, alice):
    repository = house.repository(alice, house.fresh("hooked"))
    alice.git("init", "--quiet", repository.name)
    work = alice.at(repository.name)
    work.commit()
    repository.hook("pre-receive", "sleep 3")
    repository.configure("receive.keepAlive", "0")  # not a byte while the hook runs
    work.git("push", "--quiet", repository.url, "HEAD:main")
    assert repository.rev("main") == work.rev("HEAD")


def test_an_operation_has_its_time_however_much_moves(house, alice, project):
    """upload-archive waits for its client's words; an idle deadline has it as well, but a longer one."""
    late = alice.start_ssh(f"git-upload-archive '{project.path}'", stdin=-1)
    wait_until(lambda: " ended=too-long" in house.gateway.log(), "it is ended")
    late.finish(exit=128, says="ERROR: This took longer than 2 s, so Gerve ended it. (request ")
    agent = house.files.process.pid
    wait_until(lambda: session_members(agent) == [agent], "git has ended")

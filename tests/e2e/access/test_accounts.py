"""What one key and one account may have at a gateway, and who gets in while strangers hold all places."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from harness.audit import events
from harness.messages import greeting
from harness.metrics import Metrics
from harness.processes import free_port, stopped, wait_until
from harness.rawssh import RawClient

CONFIG = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
workers = 1
[limits]
connections_per_key = 6
connections_per_account = 7
idle_per_key = 2
operations_per_key = 3
"""


@pytest.fixture
def site(private_sites):
    return private_sites(CONFIG)


@pytest.fixture
def door(site):
    return site.door()


@contextmanager
def logged_in(door, key, count: int):
    with ExitStack() as clients:
        yield [clients.enter_context(RawClient(door)).log_in(key) for _ in range(count)]


def test_one_connection_too_many_is_told_so_and_ends(site, door, alice, bob, project):
    with logged_in(door, alice.key, 6) as clients, logged_in(door, bob.key, 1):
        told = "ERROR: This key may have at most 6 connections at this gateway at once. Close some of them, then connect again.\n"
        alice.ssh(f"git-upload-pack '{project.path}'", exit=75, stdout="", stderr=told)
        alice.ssh(exit=75, stdout="", stderr=told)
        bob.git("ls-remote", project.url)
        assert clients[0].whoami() == greeting(alice.login), "those within the limit go on"
        clients[1].close()
        wait_until(lambda: alice.git("ls-remote", project.url, exit=range(256)).exit == 0, "there is room again")
    with logged_in(door, alice.key, 6), RawClient(door) as over:
        over.log_in(alice.key)
        assert over.is_cut(20), "it asks for nothing, and does not stay"
        assert "This key may have at most 6 connections" in over.disconnect_text


def test_one_connection_too_many_is_in_the_trail(site, door, alice, project):
    def of_alice(kind: str) -> list[dict]:
        return events(site, "--user", alice.login, "--event", kind)

    with logged_in(door, alice.key, 6) as clients:
        assert all(client.whoami() for client in clients)
        before = len(of_alice("proven"))
        alice.ssh(f"git-upload-pack '{project.path}'", exit=75)
    wait_until(lambda: of_alice("ended"), "the end is on record")
    (ended,) = of_alice("ended")
    assert (ended["because"], ended["fingerprint"]) == ("limit-account", alice.key.fingerprint)
    wait_until(lambda: len(of_alice("proven")) == before + 1, "and so is the login, by a key that was proven")


@pytest.mark.slow
def test_an_end_is_in_the_trail_though_authz_hung(site, door, alice):
    with logged_in(door, alice.key, 6), RawClient(door) as over:
        over.log_in(alice.key)
        with stopped(site.gateway.authz()):
            over.close()
            time.sleep(4.5)  # a worker gives up a question after four seconds
    wait_until(lambda: events(site, "--user", alice.login, "--event", "ended"), "it is on record")
    time.sleep(0.5)
    assert len(events(site, "--user", alice.login, "--event", "ended")) == 1, "and once"


def test_an_accounts_keys_share_its_connections(site, door, alice):
    second = site.add_key(alice.login, site.stranger().key)
    with logged_in(door, alice.key, 5), logged_in(door, second, 2), RawClient(door) as over:
        answer = over.log_in(second).open_session().exec("git-upload-pack 'a/b'")
        assert (answer.exit, answer.stdout) == (75, b"")
        assert b"This account may have at most 7 connections" in answer.stderr


def test_operations_of_one_key_over_its_connections(site, door, alice, bob, project):
    with logged_in(door, alice.key, 2) as clients:
        held = [clients[number % 2].open_session(window=0) for number in range(3)]
        for channel in held:
            channel.request("exec", True, f"git-upload-pack '{project.path}'")
        wait_until(lambda: len(site.gateway.git_processes()) == 3, "three run")
        told = "ERROR: This key may have at most 3 git operations at this gateway at once. Wait until some of them have ended, then try again.\n"
        alice.ssh(f"git-upload-pack '{project.path}'", exit=75, stdout="", stderr=told)
        bob.git("ls-remote", project.url)
        alice.ssh(exit=1, stderr=greeting(alice.login))

        def refused() -> list[dict]:
            return [one for one in events(site, "--event", "session") if one["ended"] == "refused"]

        wait_until(refused, "it is on record")
        recorded = [(one["fingerprint"], one["service"], one["repo"]) for one in refused()]
        assert recorded == [(alice.key.fingerprint, "git-upload-pack", project.path)]
        held[0].close()
        wait_until(lambda: alice.git("ls-remote", project.url, exit=range(256)).exit == 0, "one has ended")


@pytest.mark.slow
def test_the_longest_idle_connections_go(site, door, alice, project):
    with logged_in(door, alice.key, 5) as clients:
        channel = clients[0].open_session(window=0)
        channel.request("exec", True, f"git-upload-pack '{project.path}'")
        wait_until(lambda: site.gateway.git_processes(), "one works")
        wait_until(lambda: not clients[1].is_alive() and not clients[2].is_alive(), "two are one too many each", timeout=40)
        assert "This key may have at most 2 idle connections" in clients[1].disconnect_text
        assert all(clients[number].is_alive() for number in (0, 3, 4)), "who works stays, and so many idle ones"


# ---- a build farm behind one address, and strangers

FLEET_CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
proxy_protocol_from = ["127.0.0.2/32"]
[ssh]
workers = 1
max_unauthenticated = 400
max_unauthenticated_per_source = {per_source}
"""


def header(client: str) -> bytes:
    return f"PROXY TCP4 {client} 192.0.2.99 4711 22\r\n".encode()


@contextmanager
def strangers(door, addresses: list[str]):
    """Each holds a place and says nothing."""
    with ExitStack() as held:
        for address in addresses:
            connection = socket.create_connection((door.host, door.port), 10, source_address=("127.0.0.2", 0))
            held.enter_context(connection)
            connection.sendall(header(address))
            assert connection.recv(4) == b"SSH-", "it has a place"
        yield


@pytest.mark.slow
@pytest.mark.parametrize("sources", [4, 400])
def test_a_build_farm_logs_in_while_strangers_hold_all_places(private_sites, sources):
    port = free_port()
    site = private_sites(FLEET_CONFIG.format(metrics=port, per_source=max(400 // sources, 64)))
    metrics = Metrics(port)
    door = site.door()
    machines = [site.person("machine") for _ in range(8)]
    hostile = [f"198.51.{number // 250}.{number % 250 + 1}" for number in range(sources)]

    def log_in(number: int) -> str:
        with RawClient(door, source="127.0.0.2", preface=header("203.0.113.7")) as client:
            return client.log_in(machines[number % 8].key).whoami()

    with strangers(door, hostile * (400 // sources)):
        assert metrics.value("gerve_connections_unauthenticated") == 400
        # Each source of one has had a fair time by now; those of many get none.
        wait_until(lambda: sources == 4 or _let_in(door), "there is room", timeout=20)
        with ThreadPoolExecutor(64) as pool:
            greeted = list(pool.map(log_in, range(64)))
        assert greeted == [greeting(machines[number % 8].login) for number in range(64)]
        assert metrics.value("gerve_connections_unauthenticated") > 300, "the strangers are there still"
    assert metrics.value("gerve_connections_refused_total", limit="unauthenticated_per_source") == 0


def _let_in(door) -> bool:
    with socket.create_connection((door.host, door.port), 10, source_address=("127.0.0.2", 0)) as probe:
        probe.sendall(header("203.0.113.8"))
        return probe.recv(4) == b"SSH-"

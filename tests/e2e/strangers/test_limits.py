"""What one client, or a crowd, can take: time, attempts, channels, requests and bytes are all bounded."""

import socket
import struct
import time

import pytest

from harness.crowd import Crowd
from harness.messages import greeting
from harness.processes import open_files, resident_kib, wait_until
from harness.programs import sanitized
from harness.rawssh import (
    CHANNEL_OPEN,
    CHANNEL_OPEN_CONFIRMATION,
    CHANNEL_OPEN_FAILURE,
    CHANNEL_REQUEST,
    CUT,
    DEBUG,
    GLOBAL_REQUEST,
    IGNORE,
    KEXINIT,
    SERVICE_REQUEST,
    USERAUTH_FAILURE,
    USERAUTH_REQUEST,
    USERAUTH_SUCCESS,
    RawClient,
)
from harness.site import Site

GRACE = 2.0
CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
login_grace = "2s"
workers = 1
max_auth_tries = 10
max_sessions = 4
max_unauthenticated = 3000
max_unauthenticated_per_source = 20
"""


@pytest.fixture(scope="module")
def strict(workspace):
    """A gateway with one worker and tight limits."""
    (workspace / "strict").mkdir()
    site = Site(workspace / "strict", CONFIG).start()
    yield site
    site.gateway.stop()


@pytest.fixture(scope="module")
def honest(strict):
    person = strict.person("alice")
    person.repository = strict.repository(person)
    person.publish(person.repository, commits=3)
    return person


@pytest.fixture
def door(strict):
    return strict.door()


def unknown_key(number: int) -> bytes:
    return struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + number.to_bytes(32, "big")


def seconds_until_closed(connection: socket.socket, timeout: float = 10) -> float:
    started = time.monotonic()
    connection.settimeout(timeout)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - started


# ---- time


def test_a_silent_connection_is_closed_after_the_grace(door):
    with socket.create_connection((door.host, door.port)) as connection:
        assert GRACE - 0.5 < seconds_until_closed(connection) < GRACE + 2


def test_a_key_exchange_that_stops_halfway_is_closed_after_the_grace(door):
    with socket.create_connection((door.host, door.port)) as connection:
        connection.sendall(b"SSH-2.0-slow\r\n" + struct.pack(">IB", 1000, 4) + bytes([KEXINIT]))
        assert GRACE - 0.5 < seconds_until_closed(connection) < GRACE + 2


@pytest.mark.parametrize("step", ["kex", "service", "probe"])
def test_a_login_that_does_not_go_on_is_closed_after_the_grace(door, honest, step):
    started = time.monotonic()
    with RawClient(door) as client:
        if step != "kex":
            client.request_authentication()
        if step == "probe":
            client.probe_key(honest.key)
        assert client.is_cut(GRACE + 2)
        assert time.monotonic() - started > GRACE - 0.5


def test_a_login_that_goes_on_for_ever_is_closed_after_the_grace(door):
    """Offering key after key does not put the deadline off."""
    started = time.monotonic()
    with RawClient(door) as client:
        client.request_authentication()
        number = 0
        while client.is_alive() and time.monotonic() - started < GRACE + 3:
            client.probe(unknown_key(number), "ssh-ed25519")
            number += 1
            time.sleep(0.3)
        assert GRACE - 0.5 < time.monotonic() - started < GRACE + 2


def test_the_grace_is_for_the_login_alone(door, honest):
    with RawClient(door) as client:
        client.log_in(honest.key)
        time.sleep(GRACE + 1)
        assert client.whoami() == greeting(honest.login)


# ---- attempts


def test_attempts_are_bounded(door):
    with RawClient(door) as client:
        client.request_authentication()
        answers = [client.probe(unknown_key(number), "ssh-ed25519") for number in range(30)]
    assert answers.count(USERAUTH_FAILURE) in (9, 10)
    assert answers[-1] == CUT
    assert client.disconnect_text, "it is told why"


def test_attempts_with_other_methods_count_as_well(door):
    with RawClient(door) as client:
        client.request_authentication()
        for _ in range(30):
            client.send(USERAUTH_REQUEST, "git", "ssh-connection", "password", False, "secret")
        assert client.is_cut(2)


def test_failed_signatures_count_as_well(door, honest):
    with RawClient(door) as client:
        client.request_authentication()
        for _ in range(30):
            if client.prove(honest.key, spoil=True) == CUT:
                break
        assert client.is_cut(1)


def test_the_right_key_within_the_bound_gets_in(door, honest):
    with RawClient(door) as client:
        client.request_authentication()
        for number in range(8):
            assert client.probe(unknown_key(number), "ssh-ed25519") == USERAUTH_FAILURE
        assert client.prove(honest.key) == USERAUTH_SUCCESS


def test_attempts_are_bounded_by_default_too(site, doors):
    with RawClient(doors["gateway"]) as client:
        client.request_authentication()
        for number in range(300):
            if client.probe(unknown_key(number), "ssh-ed25519") == CUT:
                break
        assert 20 <= number < 200


# ---- channels and requests


@pytest.fixture
def logged_in(door, honest):
    with RawClient(door) as client:
        yield client.log_in(honest.key)


def test_channels_at_once_are_bounded_and_free_again_after_use(logged_in, honest):
    channels = [logged_in.open_session() for _ in range(4)]
    logged_in.send(CHANNEL_OPEN, "session", 99, 1000, 1000)
    assert logged_in.receive_number() == CHANNEL_OPEN_FAILURE
    for channel in channels:
        assert channel.exec(f"git-upload-pack '{honest.repository.path}'", b"0000").exit == 0
    assert logged_in.whoami() == greeting(honest.login)


def test_three_thousand_channels_are_not_opened(logged_in):
    for number in range(3000):
        logged_in.send(CHANNEL_OPEN, "session", number, 1000, 1000)
    confirmed = 0
    while (number := logged_in.receive_number(timeout=2)) not in (CUT, "silence"):
        confirmed += number == CHANNEL_OPEN_CONFIRMATION
    assert confirmed == 4


FLOODS = {
    "env": (CHANNEL_REQUEST, 0, "env", False, "GIT_PROTOCOL", "version=2"),
    "unknown-channel-request": (CHANNEL_REQUEST, 0, "x@example.org", False, b"x" * 1000),
    "global-request": (GLOBAL_REQUEST, "x@example.org", False, b"x" * 1000),
    "global-request-with-reply": (GLOBAL_REQUEST, "x@example.org", True, b"x" * 1000),
}


@pytest.mark.parametrize("message", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_requests_is_cut(strict, logged_in, message):
    logged_in.open_session()
    (worker,) = strict.gateway.workers()
    before = resident_kib(worker)
    for _ in range(20_000):
        logged_in.send(*message)
        if not logged_in.is_alive():
            break
    assert logged_in.is_cut(5)
    if not sanitized():  # which keeps what was freed
        assert resident_kib(worker) - before < 20_000


# ---- bytes


@pytest.mark.parametrize(
    "message",
    [
        (IGNORE, b"x" * 30_000),
        (DEBUG, False, b"x" * 30_000, ""),
        (USERAUTH_REQUEST, "git", "ssh-connection", "x" * 30_000),
        (SERVICE_REQUEST, "ssh-userauth"),
    ],
    ids=["ignore", "debug", "long-request", "service-requests"],
)
def test_bytes_before_authentication_are_bounded(door, message):
    with RawClient(door) as client:
        client.request_authentication()
        for _ in range(1000):
            client.send(*message)
            if not client.is_alive():
                break
        assert client.is_cut(1)


@pytest.mark.parametrize(
    "junk",
    [b"x", b"x\r\n", b"SSH-1.99-", b"\0", b"SSH-2.0-x\r\n" + b"\xff"],
    ids=["one-line", "many-lines", "version", "zeros", "packets"],
)
def test_junk_in_place_of_a_key_exchange_is_bounded(door, junk):
    sent = 0
    with socket.create_connection((door.host, door.port)) as connection:
        connection.settimeout(5)
        try:
            while sent < 50_000_000:
                sent += connection.send(junk * 1000)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 20_000_000


def test_a_version_line_that_is_too_long_is_refused(door):
    with socket.create_connection((door.host, door.port)) as connection:
        connection.sendall(b"SSH-2.0-" + b"v" * 3000 + b"\r\n")
        assert seconds_until_closed(connection) < 1


def test_a_packet_that_is_too_long_is_refused(door):
    with socket.create_connection((door.host, door.port)) as connection:
        connection.sendall(b"SSH-2.0-x\r\n" + struct.pack(">I", 0x7FFFFFFF) + bytes(1000))
        assert seconds_until_closed(connection) < 1


# ---- crowds


def test_one_source_cannot_take_all_places_and_is_told_so(door, honest):
    crowd = [
        socket.create_connection((door.host, door.port), source_address=("127.0.7.7", 0)) for _ in range(20)
    ]
    try:
        with socket.create_connection((door.host, door.port), source_address=("127.0.7.7", 0)) as late:
            told = b""
            late.settimeout(5)
            while piece := late.recv(4096):
                told += piece
        assert b"many" in told, told
        honest.git("ls-remote", honest.repository.url)
    finally:
        for connection in crowd:
            connection.close()


def test_places_are_free_again_when_connections_go(door, honest):
    for _ in range(5):
        crowd = [socket.create_connection((door.host, door.port)) for _ in range(15)]
        for connection in crowd:
            connection.close()
        time.sleep(0.1)
    honest.git("ls-remote", honest.repository.url)


def test_connections_that_log_in_do_not_count(door, honest):
    """A build farm behind one address: many sessions at once, each logged in."""
    clients = []
    try:
        for _ in range(30):
            clients.append(RawClient(door).log_in(honest.key))
        assert clients[-1].whoami() == greeting(honest.login)
    finally:
        for client in clients:
            client.close()


CROWD_CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
login_grace = "12s"
workers = 2
"""


@pytest.mark.alone
@pytest.mark.slow
def test_two_thousand_connections_that_never_log_in(private_sites):
    """An honest clone goes on meanwhile, and all of them are gone on time."""
    site = private_sites(CROWD_CONFIG)
    alice = site.person("alice")
    repository = site.repository(alice)
    alice.publish(repository, commits=3)
    files = sum(open_files(worker) for worker in site.gateway.workers())
    with Crowd(alice.door, 2000) as crowd:
        for number in range(3):
            copy = alice.clone(repository, into=f"copy-{number}")
            assert copy.rev("HEAD") == repository.rev("main")
        assert crowd.held == 2000, f"{2000 - crowd.held} were closed before their time"
        wait_until(lambda: crowd.held == 0, "all are closed", timeout=20)
    assert max(crowd.closed_after) < 12 + 3
    assert min(crowd.closed_after) > 12 - 1
    # A worker opens its line to authz with its first session.
    wait_until(
        lambda: sum(open_files(worker) for worker in site.gateway.workers()) <= files + 2, "files are closed"
    )

"""Behind a balancer: whom a connection is for, and when it is sent where."""

import os
import signal
import socket
import struct
import tempfile
from pathlib import Path

import pytest

from harness.haproxy import Haproxy
from harness.metrics import Metrics
from harness.processes import free_port, wait_until

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
proxy_protocol_from = ["{balancer}"]
[ssh]
workers = 1
login_grace = "4s"
max_unauthenticated_per_source = 3
"""

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture
def gateways(private_sites):
    """Makes sites that believe one address about whom it connects for."""

    def make(balancer="127.0.0.2/32"):
        port = free_port()
        site = private_sites(CONFIG.format(metrics=port, balancer=balancer), start=False)
        site.metrics = Metrics(port)
        site.gateway._spawn()
        wait_until(lambda: _ready(site), "the gateway is ready", timeout=30)
        return site

    return make


def _ready(site) -> bool:
    try:
        return site.metrics.get("/readyz")[0] == 200
    except OSError:
        return False


@pytest.fixture
def balance(workspace):
    made = []

    def start(*sites, send="send-proxy-v2") -> Haproxy:
        servers = [(site.gateway.port, site.metrics.port) for site in sites]
        made.append(Haproxy(Path(tempfile.mkdtemp(prefix="haproxy-", dir=workspace)), servers, send).start())
        return made[-1]

    yield start
    for one in made:
        one.stop()


# ---- HAProxy in front


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_the_clients_address_is_known_everywhere(gateways, balance, send):
    site = gateways("127.0.0.1/32")
    door = balance(site, send=send).door()
    alice = site.person("alice", door)
    repository = site.repository(alice)
    repository.hook("pre-receive", "printf '%s' \"$GERVE_REMOTE_ADDR\" > seen")
    there = alice.with_ssh_options("-o", "BindAddress=127.0.0.77")
    there.publish(repository)
    assert (repository.disk / "seen").read_text() == "127.0.0.77"
    log = site.gateway.log()
    sessions = [line for line in log.splitlines() if " worker: session " in line]
    assert sessions and all("addr=127.0.0.77" in line for line in sessions)
    decisions = [line for line in log.splitlines() if " authz: decision " in line]
    assert decisions and all("addr=127.0.0.77" in line for line in decisions)


def test_a_balancer_follows_what_readyz_says(gateways, balance):
    one, other = gateways("127.0.0.1/32"), gateways("127.0.0.1/32")
    haproxy = balance(one, other)
    wait_until(lambda: set(haproxy.states().values()) == {"UP"}, "both are up")
    authz = one.gateway.authz()
    os.kill(authz, signal.SIGSTOP)
    try:
        wait_until(lambda: haproxy.states() == {"gateway1": "DOWN", "gateway2": "UP"}, "one has no directory")
    finally:
        os.kill(authz, signal.SIGCONT)
    wait_until(lambda: set(haproxy.states().values()) == {"UP"}, "both are up again")
    other.gateway.process.terminate()
    wait_until(lambda: haproxy.states() == {"gateway1": "UP", "gateway2": "DOWN"}, "the other went away")
    door = haproxy.door()
    alice = one.person("alice", door)
    for _ in range(5):
        alice.ssh(exit=1, says=alice.login)


# ---- what is believed, and of whom


def said(site, header: bytes, source: str = "127.0.0.2", more: bytes = b"", wait: float = 10) -> bytes:
    """What comes back for bytes from a source before the key exchange begins."""
    with socket.create_connection((site.gateway.host, site.gateway.port), wait, source_address=(source, 0)) as peer:
        peer.settimeout(wait)
        peer.sendall(header + more)
        try:
            return peer.recv(200)
        except ConnectionError:
            return b""


def binary(client: str) -> bytes:
    addresses = socket.inet_aton(client) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 5, 22)
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(addresses)) + addresses


@pytest.fixture
def site(gateways):
    return gateways()


def test_a_trusted_peer_is_required_to_say_whom_it_connects_for(site):
    refused = "gerve_connections_refused_total"
    assert said(site, b"PROXY TCP4 192.0.2.9 10.0.0.1 5 22\r\n").startswith(b"SSH-2.0-")
    assert said(site, binary("192.0.2.9")).startswith(b"SSH-2.0-")
    assert said(site, SIGNATURE + b"\x20\0\0\0").startswith(b"SSH-2.0-")
    assert site.metrics.value(refused, limit="proxy_header") == 0
    assert said(site, b"SSH-2.0-OpenSSH_9.2\r\n") == b""
    assert said(site, b"PROXY TCP4 192.0.2.9 10.0.0.1 5\r\n") == b""
    assert said(site, SIGNATURE + b"\x21\x11\x0f\xff") == b""
    wait_until(lambda: site.metrics.value(refused, limit="proxy_header") == 3, "they are counted")
    wait_until(lambda: "invalid PROXY header" in site.gateway.log(), "it is logged")


def test_a_trusted_peer_that_says_nothing_is_cut(site):
    assert said(site, b"") == b""
    assert said(site, b"PROXY TCP4 192.0.2") == b""
    wait_until(lambda: refusals(site) == 2, "both are logged")
    assert site.gateway.log().count("no PROXY header was received in time") == 2
    with socket.create_connection((site.gateway.host, site.gateway.port), source_address=("127.0.0.2", 0)):
        pass  # a check that only connects: no line in the log
    assert said(site, b"SSH-2.0-x\r\n") == b""
    wait_until(lambda: refusals(site) == 3, "what came after the check is logged")


def refusals(site) -> int:
    return site.gateway.log().count("refused because=proxy-header")


def _check(site, source: str, said: bytes, reset: bool) -> None:
    """Connects, says that much and is gone, as checks of balancers do."""
    with socket.create_connection((site.gateway.host, site.gateway.port), source_address=(source, 0)) as check:
        if reset:
            check.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if said:
            check.sendall(said)


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
def test_checks_that_connect_and_go_leave_no_warning(site, reset):
    before = len(site.gateway.log())
    said = [b"", b"PROXY TCP4 192.0.2.9 10.0.0.1 5 22\r\n", b"PROXY UNKNOWN\r\n", binary("192.0.2.9"), SIGNATURE + b"\x20\0\0\0"]
    for _ in range(15):
        for words in said:
            _check(site, "127.0.0.2", words, reset)
        _check(site, "127.0.0.3", b"", reset)
    waiting = ("gerve_connections", "gerve_connections_awaiting_header")
    wait_until(lambda: not any(site.metrics.value(name) for name in waiting), "all are gone")
    lines = site.gateway.log()[before:].splitlines()
    assert [line for line in lines if " worker: " in line and (" warn " in line or " error " in line)] == []


def test_nobody_else_is_believed_or_asked(site):
    """His bytes are taken for SSH."""
    assert said(site, b"", "127.0.0.3").startswith(b"SSH-2.0-")
    alice = site.person("alice")
    alice.ssh(exit=1, says=alice.login)
    forged = site.person("mallory").with_ssh_options("-o", f"ProxyCommand={site.directory}/forge")
    script = site.directory / "forge"
    script.write_text(f"#!/usr/bin/python3\n{FORGE.format(port=site.gateway.port)}")
    script.chmod(0o755)
    forged.run(*forged.env["GIT_SSH_COMMAND"].split(), "gerve", exit=255)
    assert "addr=192.0.2.66" not in site.gateway.log()


FORGE = """
import socket, sys, threading
peer = socket.create_connection(("127.0.0.1", {port}), 10)
peer.sendall(b"PROXY TCP4 192.0.2.66 10.0.0.1 5 22\\r\\n")
def up():
    while data := sys.stdin.buffer.raw.read(4096):
        peer.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(4096):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""


def test_limits_count_the_client_and_not_the_balancer(site):
    with_header = [_held(site, "192.0.2.1") for _ in range(3)]
    assert said(site, binary("192.0.2.1")).startswith(b"Too many connections from 192.0.2.1 ")
    assert said(site, binary("192.0.2.2")).startswith(b"SSH-2.0-")
    for connection in with_header:
        connection.close()
    wait_until(lambda: said(site, binary("192.0.2.1")).startswith(b"SSH-2.0-"), "there is room again")


def _held(site, client: str) -> socket.socket:
    connection = socket.create_connection((site.gateway.host, site.gateway.port), 10, source_address=("127.0.0.2", 0))
    connection.sendall(binary(client))
    assert connection.recv(4) == b"SSH-"
    return connection

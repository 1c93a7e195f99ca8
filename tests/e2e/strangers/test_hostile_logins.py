"""What a client may cost and is told before anybody has logged in. Processor time is that of the worker, never the clock's."""

import os
import struct
import time

import pytest

from harness.keys import make_key
from harness.messages import greeting
from harness.plainssh import KEXDH_REPLY, PlainClient, string
from harness.processes import stat_fields
from harness.rawssh import (
    CUT,
    SERVICE_ACCEPT,
    SERVICE_REQUEST,
    SILENCE,
    USERAUTH_BANNER,
    USERAUTH_FAILURE,
    USERAUTH_PK_OK,
    USERAUTH_REQUEST,
    USERAUTH_SUCCESS,
    RawClient,
    encode,
)

pytestmark = pytest.mark.gateway_only("sshd has bounds of its own")


def cpu_seconds(pid: int) -> float:
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
workers = 1
"""


@pytest.fixture
def quiet(private_sites):
    """A gateway of one worker with nobody else at it."""
    return private_sites(CONFIG)


@pytest.fixture
def raw(door):
    with RawClient(door) as client:
        client.request_authentication()
        yield client


# ---- processor time


def large_rsa_key() -> bytes:
    """16384 bits, and an exponent of 64: verifying a signature by it costs 6 ms."""
    modulus = b"\0" + b"\xff" * 2047 + b"\x01"
    return string(b"ssh-rsa") + string(b"\0" + b"\xff" * 8) + string(modulus)


def test_a_signature_by_a_key_nobody_knows_is_not_verified(quiet):
    (worker,) = quiet.gateway.workers()
    blob = large_rsa_key()
    signature = string(b"rsa-sha2-256") + string(b"\x01" * 2048)
    request = encode(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", True, "rsa-sha2-256", blob, signature)
    with RawClient(quiet.door()) as client:
        client.request_authentication()
        before = cpu_seconds(worker)
        for _ in range(60):
            client.send_message(request)
            assert client.receive_number() == USERAUTH_FAILURE
        assert cpu_seconds(worker) - before < 0.2


def test_exchanges_of_keys_cost_a_source_no_more_than_its_part(private_sites):
    """group18 costs the client nothing, and the worker 0.1 s: it has to be configured."""
    kex = "diffie-hellman-group18-sha512"
    site = private_sites(CONFIG + f'key_exchanges = ["{kex}", "ecdh-sha2-nistp256"]\n')
    alice = site.person("alice")
    (worker,) = site.gateway.workers()
    before, began = cpu_seconds(worker), time.monotonic()
    refused = b""
    for _ in range(60):
        with PlainClient(site.door(), source="127.0.9.9") as client:
            version = client.read_version()
            if not version.startswith(b"SSH-2.0"):
                refused = version
                break
            client.send_kexinit(kex)
            client.send_kexdh_init()
            client.read_until(KEXDH_REPLY)
    # On a busy machine the worker does not get enough of the processor to use the source's part up.
    assert cpu_seconds(worker) - before < 3.5 + (time.monotonic() - began) / 5
    assert not refused or (b"127.0.9.9" in refused and b"Try again in" in refused), refused
    with RawClient(site.door()) as client:
        assert client.log_in(alice.key).whoami() == greeting(alice.login)


def test_logins_that_succeed_are_not_counted(quiet):
    alice = quiet.person("alice")
    clients = []
    try:
        for _ in range(64):
            clients.append(RawClient(quiet.door()).log_in(alice.key))
        assert clients[-1].whoami() == greeting(alice.login)
    finally:
        for client in clients:
            client.close()


def test_costly_groups_are_not_among_the_defaults(door):
    with RawClient(door) as client:
        offered = client.server_lists["kex"]
    assert "curve25519-sha256" in offered and "diffie-hellman-group14-sha256" in offered
    assert not [name for name in offered if "group16" in name or "group18" in name]


# ---- what is refused is answered, and the client may go on


def test_the_service_may_be_asked_for_in_front_of_each_attempt(raw, alice):
    unknown = make_key(alice.home / "unknown")
    assert raw.prove(unknown) == USERAUTH_FAILURE
    for _ in range(3):
        raw.send(SERVICE_REQUEST, "ssh-userauth")
        assert raw.receive_number() == SERVICE_ACCEPT
    assert raw.prove(alice.key) == USERAUTH_SUCCESS
    assert raw.whoami() == greeting(alice.login)


@pytest.mark.parametrize("service", ["ssh-connection", "ssh-userauth@example.org", ""])
def test_no_other_service_is_accepted(raw, service):
    raw.send(SERVICE_REQUEST, service)
    assert raw.receive_number() == CUT
    assert "ssh-userauth" in raw.disconnect_text


UNKNOWN = string(b"ssh-of-tomorrow") + string(b"x" * 32)
ED448 = string(b"ssh-ed448") + string(b"x" * 57)
REFUSED = {
    "unknown-type": ("publickey", True, "ssh-of-tomorrow", UNKNOWN, string(b"ssh-of-tomorrow") + string(b"y" * 64)),
    "unknown-type-offered": ("publickey", False, "ssh-of-tomorrow", UNKNOWN),
    "ed448": ("publickey", True, "ssh-ed448", ED448, string(b"ssh-ed448") + string(b"y" * 114)),
    "no-key": ("publickey",),
    "half-a-request": ("publickey", True, "ssh-ed25519"),
    "a-blob-of-junk": ("publickey", False, "ssh-ed25519", b"\xff" * 64),
    "empty-signature": ("publickey", True, "ssh-ed25519", string(b"ssh-ed25519") + string(b"k" * 32), b""),
    "none": ("none",),
    "password": ("password", False, "secret"),
    "half-a-password": ("password",),
    "keyboard-interactive": ("keyboard-interactive", "", ""),
    "gssapi": ("gssapi-with-mic", 1, b"\x06\x09"),
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_what_cannot_log_in_is_answered_and_the_next_key_logs_in(raw, alice, fields):
    raw.send(USERAUTH_REQUEST, "git", "ssh-connection", *fields)
    assert raw.receive_number() == USERAUTH_FAILURE
    assert raw.prove(alice.key) == USERAUTH_SUCCESS


def test_a_wrong_signature_is_answered_and_the_next_one_logs_in(raw, alice):
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    assert raw.prove(alice.key, spoil=True) == USERAUTH_FAILURE
    assert raw.prove(alice.key) == USERAUTH_SUCCESS


def test_a_signature_by_another_algorithm_than_announced_is_refused(site, raw, door):
    rsa = site.person("rsa", door, kind="rsa", bits=2048)
    assert raw.prove(rsa.key, algorithm="rsa-sha2-256", made_with="rsa-sha2-512") == USERAUTH_FAILURE
    assert raw.prove(rsa.key, algorithm="rsa-sha2-512") == USERAUTH_SUCCESS


@pytest.mark.parametrize("signed", [False, True])
def test_a_client_that_signs_with_sha1_is_told(site, raw, door, signed):
    rsa = site.person("rsa", door, kind="rsa", bits=2048)
    if signed:
        signature = string(b"ssh-rsa") + string(b"\x01" * 256)
        raw.send(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", True, "ssh-rsa", rsa.key.blob, signature)
    else:
        raw.send(USERAUTH_REQUEST, "git", "ssh-connection", "publickey", False, "ssh-rsa", rsa.key.blob)
    assert b"SHA-1" in raw.expect(USERAUTH_BANNER).get_string()
    assert raw.receive_number() == USERAUTH_FAILURE
    assert raw.prove(rsa.key, algorithm="rsa-sha2-256") == USERAUTH_SUCCESS


# ---- texts arrive


LISTS = {
    "kex": ({"kex": "diffie-hellman-group1-sha1"}, "No common key exchange method"),
    "host-key": ({"kex": "curve25519-sha256", "host_key": "ssh-dss"}, "No common host key algorithm"),
    "cipher": ({"kex": "curve25519-sha256", "cipher": "3des-cbc"}, "No common cipher"),
}


@pytest.mark.parametrize("lists, text", LISTS.values(), ids=LISTS)
def test_a_client_without_a_common_algorithm_is_told_which(door, lists, text):
    with PlainClient(door) as client:
        client.read_version()
        client.send_kexinit(**lists)
        told = client.read_disconnect_text()
        assert told.startswith(text) and "This server offers: " in told


def test_a_client_that_sends_too_much_before_the_login_is_told(raw):
    for _ in range(300):
        raw.send(2, b"x" * 100)
    while raw.receive(5) not in (CUT, SILENCE):
        pass
    assert raw.disconnect_text == "Too many packets before login."


def test_a_packet_in_pieces_is_put_together(door, alice):
    with PlainClient(door) as client:
        client.read_version()
        whole = struct.pack(">IB", 12, 10) + b"\2" + bytes(10)  # SSH_MSG_IGNORE without its string
        for i in range(len(whole)):
            client.socket.sendall(whole[i : i + 1])
        client.send_kexinit("no-such-exchange")
        assert client.read_disconnect_text().startswith("No common key exchange method.")
    alice.ssh(exit=1, stderr=greeting(alice.login))

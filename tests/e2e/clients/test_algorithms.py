"""What the gateway offers and accepts: nothing that is known to be weak, whatever the directory holds."""

import base64
import hashlib
import sqlite3
from contextlib import closing

import pytest

from harness.keys import Key, make_key
from harness.messages import greeting
from harness.plainssh import string
from harness.processes import wait_until
from harness.rawssh import (
    CUT,
    EXT_INFO,
    SERVICE_REQUEST,
    USERAUTH_FAILURE,
    USERAUTH_PK_OK,
    USERAUTH_SUCCESS,
    RawClient,
)

REFUSED = (USERAUTH_FAILURE, CUT)


@pytest.fixture
def store_key(site):
    """Puts a key into the directory that `gerve key add` would refuse, as a foreign program might."""
    stored = []

    def store(login: str, blob: bytes, algorithm: str) -> None:
        placeholder = make_key(site.directory / site.fresh("placeholder"))
        site.add_key(login, placeholder)
        stored.append(hashlib.sha256(blob).digest())
        changed = run_sql(
            site,
            "UPDATE public_keys SET fingerprint = ?, key_blob = ?, algorithm = ? WHERE fingerprint = ?",
            (stored[-1], blob, algorithm, hashlib.sha256(placeholder.blob).digest()),
        )
        assert changed == 1

    yield store
    for fingerprint in stored:
        run_sql(site, "DELETE FROM public_keys WHERE fingerprint = ?", (fingerprint,))


def run_sql(site, statement: str, values: tuple) -> int:
    with closing(sqlite3.connect(site.state / "gerve.db", timeout=10)) as database, database:
        return database.execute(statement, values).rowcount


@pytest.fixture
def raw(door):
    with RawClient(door) as client:
        client.request_authentication()
        yield client


@pytest.fixture
def lists(door) -> dict[str, list[str]]:
    """The name-lists of the server's KEXINIT."""
    with RawClient(door) as client:
        return client.server_lists


# ---- what is offered

LISTS_OF_ITS_OWN = pytest.mark.gateway_only("algorithms are offered before there is a user: sshd's own, for the whole host")


def test_strict_key_exchange_is_offered(lists):
    """Against Terrapin, CVE-2023-48795."""
    assert "kex-strict-s-v00@openssh.com" in lists["kex"]


@LISTS_OF_ITS_OWN
def test_no_compression_is_offered(lists):
    assert lists["compression_in"] == lists["compression_out"] == ["none"]


@LISTS_OF_ITS_OWN
@pytest.mark.parametrize(
    "kind, weak",
    [
        ("kex", ("sha1", "gss-")),
        ("host_key", ("ssh-dss", "cert-")),
        ("ciphers_in", ("cbc", "arcfour", "des", "none")),
        ("ciphers_out", ("cbc", "arcfour", "des", "none")),
        ("macs_in", ("md5", "sha1", "-96", "none")),
        ("macs_out", ("md5", "sha1", "-96", "none")),
    ],
)
def test_nothing_weak_is_offered(lists, kind, weak):
    assert lists[kind] != []
    assert [name for name in lists[kind] if any(word in name for word in weak)] == []


def test_sha1_host_key_signatures_are_not_offered(lists):
    assert "ssh-rsa" not in lists["host_key"]


def test_ed25519_and_rsa_host_keys_are_offered(lists):
    assert {"ssh-ed25519", "rsa-sha2-512"} <= set(lists["host_key"])


def test_what_hardware_does_fast_is_offered(lists):
    assert "curve25519-sha256" in lists["kex"]
    assert {"aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"} <= set(lists["ciphers_in"])


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"])
def test_each_cipher_carries_a_clone(bob, project, cipher):
    bob.with_ssh_options("-c", cipher).git("clone", "--quiet", project.url)


@LISTS_OF_ITS_OWN
def test_the_signature_algorithms_told_to_the_client_leave_sha1_out(door):
    with RawClient(door) as client:
        client.send(SERVICE_REQUEST, "ssh-userauth")
        while (got := client.receive())[0] != EXT_INFO:
            assert not isinstance(got, str), "no EXT_INFO came"
        message = got[1]
        told = {message.get_text(): message.get_text() for _ in range(message.get_int())}
    algorithms = told["server-sig-algs"].split(",")
    accepted = {"ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512", "ecdsa-sha2-nistp256"}
    accepted |= {"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}
    assert accepted <= set(algorithms)
    assert [name for name in algorithms if name in ("ssh-rsa", "ssh-dss") or "cert" in name] == []


# ---- what is accepted


@pytest.fixture
def rsa(site, door):
    return site.person("rsa", door, kind="rsa", bits=2048)


@pytest.mark.parametrize("algorithm", ["rsa-sha2-256", "rsa-sha2-512"])
def test_rsa_with_sha2_is_accepted(raw, rsa, algorithm):
    assert raw.probe(rsa.key.blob, algorithm) == USERAUTH_PK_OK
    assert raw.prove(rsa.key, algorithm=algorithm) == USERAUTH_SUCCESS


def test_rsa_with_sha1_is_refused_when_signed(raw, rsa):
    assert raw.prove(rsa.key, algorithm="ssh-rsa") in REFUSED


def test_a_sha1_signature_under_the_name_of_sha2_is_refused(raw, rsa):
    assert raw.prove(rsa.key, algorithm="rsa-sha2-256", made_with="ssh-rsa") in REFUSED


@pytest.mark.parametrize("bits", [1024, 1536, 2047])
def test_a_short_rsa_key_is_refused_when_offered_although_it_is_stored(store_key, raw, alice, bits):
    blob = _rsa_blob(bits)
    store_key(alice.login, blob, "ssh-rsa")
    assert raw.probe(blob, "rsa-sha2-256") in REFUSED


def _rsa_blob(bits: int) -> bytes:
    """A public key with a modulus of that many bits; it need not be a product of two primes to be offered."""
    modulus = (1 << (bits - 1)) | int.from_bytes(hashlib.sha512(str(bits).encode()).digest(), "big") | 1
    size = bits // 8 + 1
    return string("ssh-rsa") + string(b"\1\0\1") + string(modulus.to_bytes(size, "big"))


def test_dsa_is_refused_although_it_is_stored(store_key, raw, alice):
    key = make_key(alice.home / "dsa", "dsa")
    store_key(alice.login, key.blob, "ssh-dss")
    assert raw.probe_key(key) in REFUSED


@pytest.fixture
def certificate(alice) -> tuple[Key, bytes]:
    """alice's own key, and a certificate for it by an authority that nobody asked for."""
    authority = make_key(alice.home / "authority")
    alice.run("ssh-keygen", "-q", "-s", authority.private, "-I", "anything", "-n", "git", alice.key.public)
    text = alice.key.private.with_name("id-cert.pub").read_text()
    return alice.key, base64.b64decode(text.split()[1])


def test_a_certificate_is_refused_when_offered(site, raw, certificate):
    assert raw.probe(certificate[1], "ssh-ed25519-cert-v01@openssh.com") in REFUSED


def test_a_certificate_is_refused_although_it_is_stored(store_key, raw, alice, certificate):
    store_key(alice.login, certificate[1], "ssh-ed25519-cert-v01@openssh.com")
    assert raw.probe(certificate[1], "ssh-ed25519-cert-v01@openssh.com") in REFUSED


def test_a_client_with_a_certificate_gets_in_by_its_plain_key(alice, certificate):
    alice.ssh(exit=1, stderr=greeting(alice.login))


# ---- Gerve's own host keys

CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
host_keys = ["KEYFILE"]
"""


def test_a_host_key_that_others_can_read_is_refused(private_sites, tmp_path):
    key = make_key(tmp_path / "host_key")
    key.private.chmod(0o644)
    site = private_sites(CONFIG.replace("KEYFILE", str(key.private)), start=False)
    site.gateway.fails_to_start(says=str(key.private), exit=1)


def test_a_host_key_of_ones_own_is_used(private_sites, tmp_path):
    key = make_key(tmp_path / "host_key")
    site = private_sites(CONFIG.replace("KEYFILE", str(key.private)))
    assert any(key.public.read_text().split()[1] in shown for shown in site.door().host_keys)


def _types(site) -> set[str]:
    return {shown.split()[0] for shown in site.door().host_keys}


ALL_TYPES = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"}


def test_a_new_state_has_a_host_key_of_each_type(private_site):
    assert _types(private_site) == ALL_TYPES
    listed = private_site.gerve_json("host-key", "list")
    assert {key["type"] for key in listed} == ALL_TYPES
    serving = {key["public_key"] for key in listed if key["state"] == "serving"}
    assert serving == set(private_site.door().host_keys)
    private_site.gerve("check", says="ecdsa-sha2-nistp256")


def test_an_existing_state_gains_an_ecdsa_key_by_a_command_alone(private_sites, alice_with):
    site = private_sites()
    site.gateway.stop()
    for file in site.state.glob("ssh_host_ecdsa_key*"):
        file.unlink()
    site.start()
    before = set(site.door().host_keys)
    assert _types(site) == ALL_TYPES - {"ecdsa-sha2-nistp256"}
    site.gerve("check", says="gerve host-key new ecdsa")
    site.gerve("host-key", "new", "ecdsa", says="SHA256:")
    site.gerve("host-key", "new", "ecdsa", says="Nothing uses it yet")
    site.gerve("host-key", "new", "ecdsa", exit=1, says="already exists")
    site.gerve("host-key", "new", "dsa", exit=2, says="ed25519, ecdsa or rsa")
    assert _types(site) == ALL_TYPES - {"ecdsa-sha2-nistp256"}, "it is served before a reload"
    site.gateway.hang_up()
    wait_until(lambda: _types(site) == ALL_TYPES, "it is served")
    assert before < set(site.door().host_keys)
    alice_with(site, "HostKeyAlgorithms=ecdsa-sha2-nistp256")


@pytest.fixture
def alice_with():
    """Somebody logs in whose client demands it."""

    def log_in(site, option: str) -> None:
        alice = site.person("alice").with_ssh_options("-o", option)
        alice.ssh(exit=1, stderr=greeting(alice.login))

    return log_in


def test_host_keys_that_the_configuration_names_are_made_by_ssh_keygen(private_sites, tmp_path):
    key = make_key(tmp_path / "host_key")
    site = private_sites(CONFIG.replace("KEYFILE", str(key.private)))
    site.gerve("host-key", "new", "ecdsa", exit=1, says="ssh-keygen -t ecdsa")
    assert [listed["file"] for listed in site.gerve_json("host-key", "list")] == [str(key.private)]


def test_host_keys_stay_the_same_after_a_restart(private_sites):
    site = private_sites()
    before = site.door().host_keys
    site.gateway.stop()
    site.start()
    assert sorted(site.door().host_keys) == sorted(before)


def test_host_keys_are_for_the_gateway_alone_to_read(private_site):
    passing = ("-journal", "-wal", "-shm")  # of SQLite: may be gone before we look
    files = [file for file in private_site.state.rglob("*") if file.is_file() and not file.name.endswith(passing)]
    secrets = [file for file in files if b"PRIVATE KEY" in file.read_bytes()[:100]]
    assert secrets != []
    assert [file for file in secrets if file.stat().st_mode & 0o077] == []

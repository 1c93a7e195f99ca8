"""Host keys that are announced before they are used (hostkeys-00@openssh.com), proven to clients that ask, and take the
place of others only when nobody is surprised."""

import base64
import sqlite3
import subprocess

import paramiko
import pytest
from paramiko.message import Message

from harness.audit import events
from harness.keys import fingerprint_of, make_key
from harness.plainssh import string
from harness.processes import wait_until
from harness.programs import program
from harness.rawssh import (
    GLOBAL_REQUEST,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    SERVICE_ACCEPT,
    SERVICE_REQUEST,
    RawClient,
)

PROVE = "hostkeys-prove-00@openssh.com"
LISTED = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
host_keys = ["FIRST", "SECOND"]
"""
KINDS = {"ssh-ed25519": paramiko.Ed25519Key, "ecdsa-sha2-nistp256": paramiko.ECDSAKey, "ssh-rsa": paramiko.RSAKey}


def _keys(site, state: str | None = None) -> dict[str, bytes]:
    """The blobs by fingerprint, as `gerve host-key list` has them."""
    return {
        key["fingerprint"]: base64.b64decode(key["public_key"].split()[1])
        for key in site.gerve_json("host-key", "list")
        if state in (None, key["state"])
    }


def _announced(client: RawClient) -> list[bytes]:
    message = client.expect(GLOBAL_REQUEST)
    assert message.get_text() == "hostkeys-00@openssh.com"
    assert message.get_boolean() is False
    keys = []
    while message.get_remainder():
        keys.append(message.get_binary())
    return keys


def _ask(client: RawClient, *keys: bytes):
    """The signatures, or None if the server refuses to prove these keys."""
    request = Message()
    request.add_byte(bytes([GLOBAL_REQUEST]))
    request.add_string(PROVE)
    request.add_boolean(True)
    for key in keys:
        request.add_string(key)
    client.send_message(request)
    number, message = client.receive_no_aside()
    if number == REQUEST_FAILURE:
        return None
    assert number == REQUEST_SUCCESS
    signatures = []
    while message.get_remainder():
        signatures.append(message.get_binary())
    return signatures


def _is_proof(client: RawClient, key: bytes, signature: bytes) -> bool:
    kind = KINDS[Message(key).get_text()]
    signed = string(PROVE) + string(client.session_id) + string(key)
    return kind(data=key).verify_ssh_sig(signed, Message(signature))


@pytest.fixture
def client(door, alice):
    with RawClient(door) as raw:
        yield raw.log_in(alice.key)


def test_all_host_keys_are_announced_with_a_spare_one_from_the_first_start_on(site, client):
    keys = _keys(site)
    assert _announced(client) == list(keys.values())
    assert len(_keys(site, "announced")) == 1 and len(_keys(site, "serving")) == 3


def test_each_key_is_proven_over_this_connection(site, client):
    keys = list(_keys(site).values())
    signatures = _ask(client, *keys)
    assert len(signatures) == len(keys)
    assert all(_is_proof(client, key, signature) for key, signature in zip(keys, signatures))
    assert not _is_proof(client, keys[0], signatures[-1])


def test_a_second_request_costs_no_signature(site, client):
    keys = list(_keys(site).values())
    assert len(_ask(client, keys[0])) == 1
    assert _ask(client, keys[1]) is None
    assert client.whoami()


@pytest.mark.parametrize("asked", ["twice", "unknown", "none"])
def test_what_is_not_proven(site, client, asked):
    key = next(iter(_keys(site).values()))
    of_somebody_else = string("ssh-ed25519") + string(bytes(32))
    assert _ask(client, *{"twice": [key, key], "unknown": [key, of_somebody_else], "none": []}[asked]) is None
    assert client.whoami()


def test_other_global_requests_are_refused_as_before(client):
    client.send(GLOBAL_REQUEST, "no-such-request@example.org", True)
    assert client.receive_number() == REQUEST_FAILURE


def test_nothing_is_announced_or_proven_before_the_login(site, door):
    key = next(iter(_keys(site).values()))
    with RawClient(door) as raw:
        raw.send(SERVICE_REQUEST, "ssh-userauth")
        raw.send(GLOBAL_REQUEST, PROVE, True, key)
        numbers = []
        while not isinstance(got := raw.receive(3), str):
            numbers.append(got[0])
        assert SERVICE_ACCEPT in numbers and not {GLOBAL_REQUEST, REQUEST_SUCCESS} & set(numbers)


def test_what_was_proven_is_recorded_without_an_operation(site, alice):
    keys = _keys(site)
    with RawClient(site.door()) as raw:
        raw.log_in(alice.key)
        assert len(_ask(raw, *keys.values())) == len(keys)
        found = lambda: [event for event in events(site, "--event", "session", "--user", alice.login)
                         if event["service"] == "host-keys"]
        [event] = wait_until(found, "the event, while the connection is still there")
        assert event["host_keys_learned"] == list(keys) and event["fingerprint"] == alice.key.fingerprint
        raw.whoami()
    assert len(found()) == 1


# ---- publication


def test_known_hosts_lines_are_those_that_clients_see(site, door):
    lines = site.gerve("host-key", "print", "gerve").stdout.splitlines()
    assert {f"gerve {key}" for key in door.host_keys} < set(lines)
    assert len(lines) == len(_keys(site))


def test_sshfp_records_are_those_of_ssh_keygen(site, tmp_path):
    printed = site.gerve("host-key", "print", "--format", "sshfp", "git.example.org").stdout
    site.gerve("host-key", "print", "--format", "sshfp", "git.example.org.", stdout=printed)
    expected = set()
    for number, line in enumerate(site.gerve("host-key", "print", "gerve").stdout.splitlines()):
        file = tmp_path / f"{number}.pub"
        file.write_text(line.split(maxsplit=1)[1] + "\n")
        made = subprocess.run(["ssh-keygen", "-r", "git.example.org.", "-f", str(file)], capture_output=True, text=True)
        expected |= {record for record in made.stdout.splitlines() if record.split()[4] == "2"}
    assert set(printed.splitlines()) == expected
    site.gerve("host-key", "print", "--format", "sshfp", "[git]:2222", exit=2)
    site.gerve("host-key", "print", "git\n", exit=2)


# ---- rotation


class Machine:
    """A client with a known_hosts of its own."""

    def __init__(self, person, name: str, learns: bool):
        self.person = person
        self.known_hosts = person.home / f"known_hosts-{name}"
        self.options = ("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", f"UpdateHostKeys={'yes' if learns else 'no'}")

    def fetches(self, repository, checking: str = "yes", **expected):
        client = self.person.with_ssh_options(*self.options, "-o", f"StrictHostKeyChecking={checking}",
                                              "-o", "HostKeyAlgorithms=ssh-ed25519")
        return client.git("ls-remote", repository.url, **expected)

    def shows_greeting(self, algorithm: str) -> None:
        self.person.ssh(*self.options, "-o", "StrictHostKeyChecking=accept-new", "-o", f"HostKeyAlgorithms={algorithm}",
                        exit=1)

    def knows(self) -> set[str]:
        return {fingerprint_of(base64.b64decode(line.split()[2])) for line in self.known_hosts.read_text().splitlines()}


def _readiness(site) -> dict:
    return site.gerve_json("host-key", "drop", "ed25519", "--dry-run")


def test_a_rotation_that_surprises_nobody(private_site):
    site = private_site
    alice, repository = site.newcomer("alice")
    bob = site.person("bob")
    site.grant(repository, bob, "read")
    serving = next(key for key in _keys(site, "serving") if KINDS[Message(_keys(site)[key]).get_text()] is paramiko.Ed25519Key)
    [spare] = _keys(site, "announced")
    learning, learns_not = Machine(alice, "alice", learns=True), Machine(bob, "bob", learns=False)
    for machine in (learning, learns_not):
        machine.fetches(repository, "accept-new")
        machine.fetches(repository)  # the first time OpenSSH does not yet trust the host enough to learn more
    assert spare in learning.knows() and serving in learning.knows()
    assert learns_not.knows() == {serving}

    told = wait_until(lambda: (found := _readiness(site))["keys"] == 2 and found, "both logins in the table")
    assert (told["serving"], told["announced"], told["prepared"]) == (serving, spare, 1)
    assert [one["user"] for one in told["unprepared"]] == [bob.login]
    refused = site.gerve("host-key", "drop", "ed25519", exit=1)
    assert "would be warned" in refused.stderr and bob.login in refused.stdout
    assert set(_keys(site, "announced")) == {spare}, "something was changed"

    later = Machine(bob, "bob", learns=True)
    later.fetches(repository)
    wait_until(lambda: _readiness(site)["unprepared"] == [], "bob has learned the announced key")
    site.gerve("host-key", "drop", "ed25519", says=spare)
    again = site.gerve("host-key", "drop", "ed25519", exit=1, says="would be warned")  # nobody knows the new spare key
    assert alice.login in again.stdout and bob.login in again.stdout
    site.gateway.hang_up()
    wait_until(lambda: any(spare == fingerprint_of(base64.b64decode(key.split()[1])) for key in site.door().host_keys),
               "the announced key serves")
    learning.fetches(repository)
    later.fetches(repository)
    [next_spare] = _keys(site, "announced")
    assert next_spare not in (serving, spare) and next_spare in learning.knows()
    assert serving not in learning.knows(), "OpenSSH forgets a key that is announced no more"
    stale = Machine(bob, "stale", learns=False)
    stale.known_hosts.write_text(f"gerve {' '.join(_dropped(site))}\n")
    stale.fetches(repository, exit=128)


def _dropped(site) -> list[str]:
    return (site.state / "ssh_host_ed25519_dropped_key.pub").read_text().split()[:2]


def test_a_key_that_was_made_is_announced_by_a_command(private_site):
    site = private_site
    site.gerve("host-key", "announce", "rsa", exit=1, says="gerve host-key new rsa")
    site.gerve("host-key", "new", "ed25519")
    [spare] = _keys(site, "announced")
    site.gerve("host-key", "announce", "ed25519", exit=1, says="may have learned it")
    assert set(_keys(site, "announced")) == {spare}
    site.gerve("host-key", "announce", "ed25519", "--force")
    assert set(_keys(site, "announced")) != {spare}
    site.gerve("host-key", "drop", "rsa", exit=1, says="no rsa key is announced")
    made = site.gerve("host-key", "new", "rsa", says="gerve host-key announce rsa").stdout.split()[3]
    assert made not in _keys(site)
    site.gerve("host-key", "announce", "rsa", says=made)
    assert made in _keys(site, "announced")
    site.gateway.hang_up()
    alice = site.person("alice")

    def is_announced() -> bool:
        with RawClient(site.door()) as raw:
            return _keys(site)[made] in _announced(raw.log_in(alice.key))

    wait_until(is_announced, "the key is announced")
    site.gerve("host-key", "drop", "rsa", "--force")
    assert made in _keys(site, "serving")


def test_a_table_that_cannot_tell_refuses_a_drop(private_sites):
    site = private_sites()
    site.gerve("host-key", "drop", "ed25519", exit=1, says="nobody logged in")
    assert _readiness(site)["complete"] is False
    alice = site.person("alice")
    Machine(alice, "alice", learns=False).shows_greeting("rsa-sha2-512")
    told = wait_until(lambda: (found := _readiness(site))["keys"] == 1 and found, "the login in the table")
    assert (told["elsewhere"], told["complete"]) == (1, True)
    with sqlite3.connect(site.state / "gerve.db", timeout=10) as database:
        database.execute("DELETE FROM audit_events WHERE seq = 1")
    site.gerve("host-key", "drop", "ed25519", exit=1, says="events of that time are missing")
    without = site.directory / "without-table.toml"
    without.write_text(f'state = "{site.state}"\n[audit]\ntable = false\n')
    site.admin.run(program("gerve"), "-c", without, "host-key", "drop", "ed25519", exit=1, says="audit.table")
    site.gerve("host-key", "drop", "ed25519", "--force")


def test_of_listed_keys_the_first_of_a_type_serves_and_the_rest_is_announced(private_sites, tmp_path):
    first, second = make_key(tmp_path / "first"), make_key(tmp_path / "second")
    site = private_sites(LISTED.replace("FIRST", str(first.private)).replace("SECOND", str(second.private)))
    alice = site.person("alice")
    assert [key.split()[1] for key in site.door().host_keys] == [first.public.read_text().split()[1]]
    with RawClient(site.door()) as raw:
        assert _announced(raw.log_in(alice.key)) == [first.blob, second.blob]
    site.gerve("host-key", "announce", "ed25519", exit=1, says="ssh.host_keys")
    wait_until(lambda: _readiness(site)["keys"] == 1, "the login in the table")
    site.gerve("host-key", "drop", "ed25519", exit=1, says="would be warned")
    told = site.gerve("host-key", "drop", "ed25519", "--force").stdout
    assert f"Remove {first.private} from ssh.host_keys" in told
    assert set(_keys(site, "serving")) == {first.fingerprint}, "the file of the operator was changed"

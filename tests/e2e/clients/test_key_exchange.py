"""Which key exchanges are offered, that each of them carries a login, and that a current OpenSSH does not warn."""

import functools
import json
import os
import re
import subprocess

import pytest
from paramiko import Message

from harness.audit import events
from harness.keys import Key, sign
from harness.messages import greeting
from harness.plainssh import string
from harness.processes import wait_until
from harness.programs import program
from harness.rawssh import USERAUTH_REQUEST, USERAUTH_SUCCESS, RawClient, encode
from harness.security_key import ECDSA, ED25519, PRESENT, REFUSED, WEBAUTHN, SoftKey, attested, register

POST_QUANTUM = ["mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"]
OTHERS = ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
          "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256"]
WARNING = "post-quantum"  # OpenSSH 10.1 and later: "** WARNING: connection is not using a post-quantum key exchange …"

CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
key_exchanges = [NAMES]
"""


@functools.cache
def library() -> str:
    told = subprocess.run([program("gerve"), "--version"], text=True, capture_output=True, check=True).stdout
    return re.search(r"libssh (.*)\)$", told)[1]


def needs_post_quantum() -> None:
    if "of the distribution" in library():
        pytest.skip("the distribution's libssh: no post-quantum key exchange")


@functools.cache
def exchanges_of_ssh() -> list[str]:
    return subprocess.run(["ssh", "-Q", "kex"], text=True, capture_output=True, check=True).stdout.split()


def offered(door) -> list[str]:
    with RawClient(door) as client:
        return [name for name in client.server_lists["kex"] if not name.startswith(("kex-strict-", "ext-info-"))]


def chosen(client, *options: str) -> str:
    """The exchange that ssh and the gateway agree on, as ssh reports it."""
    told = client.ssh("-o", "LogLevel=DEBUG1", *options, exit=1).stderr
    return re.search(r"^debug1: kex: algorithm: (\S+)\r?$", told, re.MULTILINE)[1]


def test_post_quantum_exchanges_are_offered_first(door):
    needs_post_quantum()
    assert offered(door) == POST_QUANTUM + OTHERS


def test_the_libssh_of_the_distribution_offers_the_others(door):
    if "of the distribution" not in library():
        pytest.skip("a libssh from a newer Debian: the other tests are about it")
    assert offered(door) == OTHERS


@pytest.mark.parametrize("name", POST_QUANTUM + OTHERS)
def test_each_exchange_carries_a_login_with_openssh(alice, name):
    if name in POST_QUANTUM:
        needs_post_quantum()
    if name not in exchanges_of_ssh():
        pytest.skip(f"this ssh does not have {name}")
    outcome = alice.ssh("-o", f"KexAlgorithms={name}", exit=1)
    assert outcome.stderr == greeting(alice.login)
    assert chosen(alice, "-o", f"KexAlgorithms={name}") == name


@pytest.mark.parametrize("name", POST_QUANTUM + OTHERS)
def test_each_exchange_carries_a_clone_with_libssh(site, alice, name):
    """The load generator is a client over the libssh that Gerve contains."""
    if name in POST_QUANTUM:
        needs_post_quantum()
    repository = site.repository(alice)
    argv = [program("light_client"), "--port", str(alice.door.port), "--key", alice.key.private, "--total", "3",
            "--in-flight", "1", "--key-exchange", name, "--command", f"git-upload-pack '{repository.path}'"]
    told = json.loads(subprocess.run(argv, text=True, capture_output=True, check=True, timeout=90).stdout)
    assert (told["done"], told["failures"]) == (3, {})


def test_openssh_chooses_a_post_quantum_exchange_by_itself(alice):
    needs_post_quantum()
    if not set(POST_QUANTUM) & set(exchanges_of_ssh()):
        pytest.skip("this ssh has no post-quantum key exchange")
    assert chosen(alice) in POST_QUANTUM


def test_the_list_of_the_client_decides(alice):
    needs_post_quantum()
    names = [name for name in ("curve25519-sha256", "sntrup761x25519-sha512@openssh.com") if name in exchanges_of_ssh()]
    for order in (names, names[::-1]):
        assert chosen(alice, "-o", f"KexAlgorithms={','.join(order)}") == order[0]


def test_new_keys_during_a_session_come_by_the_same_exchange(rekeying_site):
    """8 MB each time: the exchange is repeated with data on the way."""
    needs_post_quantum()
    alice = rekeying_site.person("alice")
    repository = rekeying_site.repository(alice)
    alice.git("init", "--quiet", "work")
    work = alice.at("work")
    work.write("noise", os.urandom(24 << 20))
    work.git("add", ".")
    work.git("commit", "--quiet", "--message", "Noise")
    for name in [name for name in POST_QUANTUM if name in exchanges_of_ssh()]:
        one = alice.with_ssh_options("-o", f"KexAlgorithms={name}")
        one.at("work").git("push", "--quiet", repository.url, f"HEAD:refs/heads/{name.partition('@')[0]}", "--force")
        one.git("clone", "--quiet", repository.url, f"copy-{name.partition('@')[0]}-{len(name)}")


@pytest.mark.parametrize("left_out", ["sntrup761", "mlkem768"])
def test_the_configuration_can_leave_any_out(private_sites, left_out):
    needs_post_quantum()
    names = [name for name in POST_QUANTUM + OTHERS if left_out not in name]
    site = private_sites(CONFIG.replace("NAMES", ", ".join(f'"{name}"' for name in names)))
    assert offered(site.door()) == names
    chosen_by_ssh = chosen(site.person("alice"))
    assert left_out not in chosen_by_ssh


def current_ssh(client):
    """The same client with an OpenSSH that warns of weak exchanges, which the environment names."""
    ssh = os.environ.get("GERVE_CURRENT_SSH")
    if ssh is None:
        pytest.skip("no current ssh: set GERVE_CURRENT_SSH to one of 10.1 or later")
    return ssh, client.with_env(GIT_SSH_COMMAND=f"{ssh} -F {client.ssh_config} -o LogLevel=INFO")


def test_a_current_openssh_does_not_warn(alice, project):
    needs_post_quantum()
    ssh, client = current_ssh(alice)
    told = client.git("ls-remote", project.url).stderr
    assert told == ""
    told = alice.run(ssh, "-F", alice.ssh_config, "-o", "LogLevel=DEBUG1", "gerve", exit=1).stderr
    assert "debug1: kex: algorithm: mlkem768x25519-sha256\n" in told.replace("\r\n", "\n")
    assert WARNING not in told


def test_a_current_openssh_warns_where_there_is_none(private_sites):
    """So the test above can fail."""
    site = private_sites(CONFIG.replace("NAMES", '"curve25519-sha256"'))
    ssh, client = current_ssh(site.person("alice"))
    assert WARNING in client.run(ssh, "-F", client.ssh_config, "-o", "LogLevel=INFO", "gerve", exit=1).stderr


# ---- who still goes without


def test_the_report_lists_who_logs_in_without_a_post_quantum_exchange(private_site):
    needs_post_quantum()
    old, new = private_site.person("old"), private_site.person("new")
    repository = private_site.repository(old, private=True)
    machine = private_site.deploy_client(repository)
    new.ssh(exit=1)
    for _ in range(2):
        old.ssh("-o", "KexAlgorithms=curve25519-sha256", exit=1)
    old.ssh("-o", "KexAlgorithms=ecdh-sha2-nistp256", exit=1)
    old.ssh(exit=1)
    machine.ssh("-o", "KexAlgorithms=ecdh-sha2-nistp384", exit=1)
    report = lambda *words: private_site.gerve_json("audit", "report", "key-exchange", *words)
    wait_until(lambda: report()["holders"] == 3 and report()["without"] == 2 and len(report()["logins"]) == 3, "the logins in the table")
    told = report()
    assert (told["unrecorded"], told["complete"]) == (0, True)
    whose = [(one.get("user", one.get("deploy_key_of")), one["key_exchange"]) for one in told["logins"]]
    assert sorted(whose) == sorted([(old.login, "curve25519-sha256"), (old.login, "ecdh-sha2-nistp256"),
                                    (repository.path, "ecdh-sha2-nistp384")])
    last = [one for one in events(private_site, "--event", "proven") if one["key_exchange"] == "curve25519-sha256"][-1]
    (curve,) = [one for one in told["logins"] if one["key_exchange"] == "curve25519-sha256"]
    assert (curve["time"], curve["client"]) == (last["time"], last["client"]) and "OpenSSH" in curve["client"]
    table = private_site.gerve("audit", "report", "key-exchange", "--since", "1h").stdout
    assert table.startswith("3 accounts and deploy keys logged in since ") and ", 2 of them without" in table
    assert "ecdh-sha2-nistp256" in table and new.login not in table.replace(new.key.fingerprint, "")


# ---- signatures that name the host key as well (publickey-hostbound-v00@openssh.com)


@pytest.fixture
def raw(door):
    needs_post_quantum()  # libssh has the two from the same version on
    with RawClient(door) as client:
        client.request_authentication()
        yield client


def bound_request(key: Key | SoftKey, host_key: bytes, algorithm: str | None = None) -> Message:
    """Without the signature. algorithm: if it is not the key's own."""
    method = "publickey-hostbound-v00@openssh.com"
    return encode(USERAUTH_REQUEST, "git", "ssh-connection", method, True, algorithm or key.algorithm, key.blob, host_key)


def prove_bound(raw: RawClient, key: Key, named: bytes, signed: bytes | None = None):
    """Sends a request with a signature that names a host key; `signed` is the one that it is made over, if it is another."""
    prefix = Message()
    prefix.add_string(raw.session_id)
    message = bound_request(key, named)
    over = bound_request(key, named if signed is None else signed)
    message.add_string(sign(key, prefix.asbytes() + over.asbytes(), key.algorithm))
    raw.send_message(message)
    return raw.receive_number()


def test_a_signature_bound_to_the_host_key_logs_in(raw, alice):
    assert prove_bound(raw, alice.key, raw.get_remote_server_key().asbytes()) == USERAUTH_SUCCESS


@pytest.mark.parametrize("flags, answers", [(PRESENT, (USERAUTH_SUCCESS,)), (0, REFUSED)])
def test_a_bound_signature_of_a_security_key_needs_a_touch_too(site, raw, alice, flags, answers):
    key = register(site, alice, ED25519)
    message = bound_request(key, raw.get_remote_server_key().asbytes())
    signature = key.sign(string(raw.session_id) + message.asbytes(), flags)
    message.add_string(string(ED25519) + string(signature) + attested(flags, 1))
    raw.send_message(message)
    assert raw.receive_number() in answers


@pytest.mark.parametrize("of_this_host, answers", [(True, (USERAUTH_SUCCESS,)), (False, REFUSED)])
def test_a_bound_signature_of_a_web_browser_has_to_name_this_host_key(site, raw, alice, of_this_host, answers):
    key = register(site, alice, ECDSA)
    host_key = raw.get_remote_server_key().asbytes() if of_this_host else alice.key.blob
    message = bound_request(key, host_key, WEBAUTHN)
    message.add_string(key.sign_for_web(string(raw.session_id) + message.asbytes()))
    raw.send_message(message)
    assert raw.receive_number() in answers


def test_a_signature_bound_to_another_host_key_does_not(raw, alice):
    """What a client signed for a host in the middle, sent on by that host."""
    assert prove_bound(raw, alice.key, alice.key.blob) in REFUSED


@pytest.mark.parametrize("signed", [b"", None])
def test_a_signature_over_another_host_key_than_it_names_does_not(raw, alice, signed):
    host_key = raw.get_remote_server_key().asbytes()
    assert prove_bound(raw, alice.key, host_key, alice.key.blob if signed is None else signed) in REFUSED

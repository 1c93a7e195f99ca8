"""What is written of strangers: each refusal once with its reason, a flood by its number, and none in another's place."""

import socket
import subprocess
import tempfile
from pathlib import Path

import paramiko
import pytest

from harness import strangers
from harness.audit import check_trail, events, events_in
from harness.counted import serving_git, with_metrics
from harness.processes import wait_until

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
git = ["127.0.0.1:{git}"]
metrics = "127.0.0.1:{metrics}"
proxy_protocol_from = ["127.0.0.2/32"]
[ssh]
workers = 2
login_grace = "5s"
"""

MOST_PER_SOURCE = 70_000  # bytes in a minute, of log, trail and database
EACH = 40  # connections of each kind
LONG_VERSION = "x" + "\x01" * 100


@pytest.fixture
def house(workspace):
    with serving_git(workspace, CONFIG) as site:
        yield site
    check_trail(site)


@pytest.fixture(scope="module")
def keys(workspace) -> list[paramiko.PKey]:
    """Keys that nobody has registered."""
    directory = Path(tempfile.mkdtemp(prefix="unknown-keys-", dir=workspace))
    made = []
    for number in range(8):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / str(number))], check=True
        )
        made.append(paramiko.Ed25519Key.from_private_key_file(str(directory / str(number))))
    return made


def flood(site, source_of, keys) -> int:
    """EACH connections of every hostile kind; how many there were."""
    port = site.gateway.port
    kinds = [
        lambda source, n: strangers.speak_junk(port, source),
        lambda source, n: strangers.log_in(port, source, "git", keys[n % len(keys)], version=LONG_VERSION),
        lambda source, n: strangers.log_in(port, source, f"user{n}", keys[0]),
        lambda source, n: strangers.log_in(port, source, "git", password="secret"),
        lambda source, n: strangers.fetch(site.git_port, source, f"{'o' * 39}/{'r' * 90}{n}.git"),
        lambda source, n: strangers.fetch(site.git_port, source, "not a path"),
    ]
    for number in range(EACH):
        for kind in kinds:
            kind(source_of(number), number)
    return EACH * len(kinds)


@pytest.mark.slow
@pytest.mark.parametrize(
    "source_of",
    [lambda n: "192.0.2.1", lambda n: f"2001:db8:1:{n:x}::{n:x}"],
    ids=["one IPv4 address", "a /48 of IPv6"],
)
def test_one_source_writes_so_much_and_no_more_and_nothing_is_dropped(house, keys, source_of):
    written = strangers.Written(house)
    made = flood(house, source_of, keys)
    strangers.log_in(house.gateway.port, "198.51.100.7", "alice", keys[0])
    strangers.wait_for_line(house, "refused because=login-name", "login=alice", "addr=198.51.100.7")
    (there,) = events(house, "--ip", "198.51.100.7", "--denied")
    assert there["login"] == "alice" and there["because"] == "login-name"
    house.gateway.stop()  # numbers are written at the end, if not before
    assert written.bytes() < MOST_PER_SOURCE, written.parts()
    # An event of each refusal, or a number in which it is.
    network = "192.0.2.0/24" if "." in source_of(0) else "2001:db8:1::/48"
    told = events(house, "--ip", network)
    assert sum(event.get("count", 1) for event in told if event["event"] != "service") >= made
    wait_until(lambda: "192.0.2.1" in house.gateway.log() or "2001:db8:1:" in house.gateway.log(), "one is logged")


def test_many_sources_of_one_network_share_a_ration(house):
    for number in range(60):
        strangers.speak_junk(house.gateway.port, f"2001:db8:1:{number:x}::1")
    house.gateway.stop()
    told = [event for event in events_in(house.state / "audit.jsonl") if event["event"] == "refused"]
    assert sum(event["count"] for event in told) == 60
    assert len(told) <= 12 + 4 + 1
    (number,) = [event for event in told if "reasons" in event]
    assert number["address"] == "2001:db8:1::/48"


# ---- each refused login leaves a trace


def ssh(site, *options: str, login: str = "git") -> subprocess.CompletedProcess:
    argv = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    argv += ["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-p", str(site.gateway.port)]
    return subprocess.run([*argv, *options, f"{login}@{site.gateway.host}"], capture_output=True, text=True, timeout=60)


def refusals(site) -> list[dict]:
    return events(site, "--event", "refused", "--denied")


@pytest.fixture
def quiet(private_sites):
    """A site without traffic, with one account, whose key is quiet.key."""
    config = 'state = "{{state}}"\n[listen]\nssh = ["127.0.0.1:{{port}}"]\nmetrics = "127.0.0.1:{metrics}"\n'
    return with_metrics(private_sites, config)


def expect_trace(site, reason: str, **fields) -> dict:
    found = []

    def is_there() -> bool:
        begun = (site.state / "audit.jsonl").exists()
        found[:] = [event for event in refusals(site) if event.get("because") == reason] if begun else []
        return bool(found)

    wait_until(is_there, f"an event of {reason}", timeout=20)
    strangers.wait_for_line(site, f"refused because={reason}")
    for name, value in fields.items():
        assert found[-1][name] == value, found[-1]
    return found[-1]


def test_a_wrong_login_name_leaves_a_trace(quiet):
    alice = quiet.person("alice")
    refused = ssh(quiet, "-i", str(alice.key.private), login="alice")
    assert refused.returncode == 255 and "Log in as git, for example git@HOST." in refused.stderr
    expect_trace(quiet, "login-name", login="alice", address="127.0.0.1", door="gateway")
    assert events(quiet, "--user", "alice", "--event", "refused")
    assert "user" not in refusals(quiet)[0] and "fingerprint" not in refusals(quiet)[0]
    assert quiet.metrics.value("gerve_login_attempts_refused_total", reason="login-name") >= 1
    assert quiet.metrics.value("gerve_connections_ended_total", reason="client-closed", logged_in="no") >= 1


def test_no_key_leaves_a_trace(quiet):
    assert ssh(quiet, "-o", "PubkeyAuthentication=no").returncode == 255
    expect_trace(quiet, "no-key")


def test_no_algorithm_in_common_leaves_a_trace(quiet):
    assert ssh(quiet, "-o", "KexAlgorithms=diffie-hellman-group14-sha1").returncode == 255
    expect_trace(quiet, "no-common-key-exchange")


def test_an_unknown_key_leaves_a_trace(quiet):
    stranger = quiet.stranger()
    stranger.ssh(exit=255, says="Permission denied")
    strangers.wait_for_line(quiet, "refused because=unknown-key", stranger.key.fingerprint)


def test_a_client_that_logs_in_and_goes_leaves_none(quiet):
    alice = quiet.person("alice")
    before = len(refusals(quiet)), quiet.gateway.log().count("refused because")  # by the search for host keys
    ended = quiet.metrics.value("gerve_connections_ended_total", reason="client-closed", logged_in="no")
    alice.ssh(exit=1)
    with socket.create_connection((quiet.gateway.host, quiet.gateway.port)):
        pass  # as a health check does
    wait_until(
        lambda: quiet.metrics.value("gerve_connections_ended_total", reason="client-closed", logged_in="no") > ended,
        "the end is counted",
        timeout=20,
    )
    assert before == (len(refusals(quiet)), quiet.gateway.log().count("refused because"))
    assert "connection ended" not in quiet.gateway.log()

"""Host keys of gateways that share a directory in a database server."""

import json

import pytest

from harness.keys import fingerprint_of
from harness.over_database import site_over_database
from harness.processes import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(workspace):
    with site_over_database(workspace / "host-keys") as made:
        yield made


def _insert_login(site, gateway: str, host_key: str, announced: list[str] | None = None) -> None:
    """The event of a login through another gateway, which writes to the same table."""
    told = {"host_keys_announced": announced} if announced else {}
    body = json.dumps({"event": "proven", "gateway": gateway, "door": "gateway", "host_key": host_key, **told,
                       "time": "2026-01-01T00:00:00.000000Z"}, separators=(",", ":"))
    site.database.ask(
        "INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, body) VALUES"
        f" (UNHEX(MD5('{gateway}')), 1, UNIX_TIMESTAMP() * 1000 - 1000, '{gateway}', 'proven', 0, '{body}')"
    )


def test_the_table_tells_who_would_be_surprised(site):
    alice = site.person("alice")
    alice.ssh(exit=1)
    told = wait_until(
        lambda: (found := site.gerve_json("host-key", "drop", "ed25519", "--dry-run"))["unprepared"] and found,
        "the login in the table",
    )
    assert [one["user"] for one in told["unprepared"]] == [alice.login]
    site.gerve("host-key", "drop", "ed25519", exit=1, says="would be warned")


def test_check_finds_a_gateway_with_another_host_key(site):
    alice = site.person("alice")
    alice.ssh(exit=1)
    line = "host keys of gateways"
    own = [key["fingerprint"] for key in site.gerve_json("host-key", "list")]
    told = wait_until(lambda: (found := site.gerve("check").stdout) and line in found and found, "the login in the table")
    assert "1 with logins in the last 24 hours, which announce the same keys" in told
    assert "earlier version" not in told, "this gateway told nothing of its own keys"
    _insert_login(site, "alike", own[0], own)
    _insert_login(site, "earlier-version", own[0])
    site.gerve("check", says="2 with logins in the last 24 hours, which announce the same keys; 1 of an earlier version")
    stranger = fingerprint_of(b"another key")
    _insert_login(site, "different", stranger)
    _insert_login(site, "announces-more", own[0], [*own, stranger])
    _insert_login(site, "announces-less", own[0], own[:-1])
    told = site.gerve("check", exit=1).stdout
    assert f"different, at 2026-01-01 00:00:00, served {stranger}" in told and "ssh.host_keys" in told
    assert f"announces-more, at 2026-01-01 00:00:00, announced {stranger}, which is not a host key here" in told
    assert f"announces-less, at 2026-01-01 00:00:00, did not announce {own[-1]}" in told

"""What runs: listed, ended by an administrator, and ended by itself once it may run no more."""

import os
import signal
import time

import pytest

from harness.audit import events
from harness.messages import KILLED, WITHDRAWN
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.slow_clone import RATE, SIZE, WITHIN, SlowClone, live_of
from harness.throttle import slow_line


def stands_still(site, client) -> bool:
    """Whether the client's one session has moved something and moves nothing, for longer than it takes to be told of."""
    before = live_of(site, client)[0]["bytes_in"]
    time.sleep(4)
    return 0 < before == live_of(site, client)[0]["bytes_in"]


def with_noise(client, repository):
    """A work tree of the client's with SIZE that is still to be pushed."""
    work = client.publish(repository)
    work.git("config", "core.compression", "0")
    work.commit("noise", os.urandom(SIZE))
    return work


@pytest.fixture(scope="module")
def bulky(site):
    """A private repository that takes long to be cloned over a slow line."""
    owner = site.person("bulky")
    repository = site.repository(owner, private=True)
    work = with_noise(owner, repository)
    work.git("push", "--quiet")
    return repository


@pytest.fixture
def reader(site, bulky, door):
    """Somebody who may read it."""
    client = site.person("reader", door)
    site.grant(bulky, client, "read")
    return client


@pytest.mark.both_doors
def test_a_session_is_listed_and_killed(site, bulky, reader):
    clone = SlowClone(site, reader, bulky)
    session = clone.session
    assert session["repository"] == bulky.path
    assert session["who"] == reader.login
    assert session["key"] == reader.key.fingerprint
    assert session["address"] == "127.0.0.1"
    assert session["door"] == reader.door.kind
    wait_until(lambda: live_of(site, reader)[0]["bytes_per_second"] > RATE / 8, "its rate is known")
    assert 0 < live_of(site, reader)[0]["bytes_out"] < SIZE
    table = site.gerve("sessions", "--key", reader.key.fingerprint).stdout
    assert len(table.splitlines()) == 2 and session["session"][:12] in table and "git-upload-pack" in table

    site.gerve("kill", "000000", exit=1, says="there is no session")
    began = time.monotonic()
    site.gerve("kill", session["session"][:12], says="ended 1")
    clone.ends(KILLED, began)
    wait_until(lambda: not live_of(site, reader), "nothing of it is listed any more")
    reader.git("ls-remote", bulky.url)
    recorded = [line for line in (site.state / "audit.jsonl").read_text().splitlines() if session["session"] in line]
    kills = [one for one in events(site, "--event", "admin") if one["command"] == "kill"]
    assert [one["details"]["sessions"] for one in kills if one["arguments"] == [session["session"]]] == [1]
    refused = [one for one in kills if one["arguments"] == ["000000"]]
    assert refused and not any(one["done"] for one in refused)
    assert any('"killed"' in line for line in recorded), recorded


@pytest.mark.both_doors
def test_a_revoked_key_ends_what_it_runs_and_nothing_else(site, bulky, reader):
    other = site.person("other", reader.door)
    site.grant(bulky, other, "read")
    stays = SlowClone(site, other, bulky)
    goes = SlowClone(site, reader, bulky)
    began = time.monotonic()
    site.gerve("key", "revoke", reader.key.fingerprint)
    goes.ends(WITHDRAWN, began)
    assert len(live_of(site, other)) == 1
    site.gerve("kill", "--user", other.login)
    stays.running.finish(exit=128, says=KILLED)


def test_a_moved_key_ends_what_its_holder_runs(site, bulky, reader):
    """Though the new holder may do the same."""
    other = site.person("other")
    site.grant(bulky, other, "read")
    clone = SlowClone(site, reader, bulky)
    began = time.monotonic()
    site.gerve("key", "move", reader.key.fingerprint, other.login)
    clone.ends(WITHDRAWN, began)
    reader.git("ls-remote", bulky.url)


def test_a_renamed_account_goes_on_with_what_it_runs(site, bulky, reader):
    clone = SlowClone(site, reader, bulky)
    site.gerve("user", "rename", reader.login, f"{reader.login}-new")
    clone.running.finish(timeout=120)


def test_whatever_took_the_access_ends_what_depended_on_it(site, bulky, door):
    """An account, a grant, a deploy key: at once, so that the test does not take as long as all."""
    people = [site.person(f"reader-{n}", door) for n in range(2)]
    for client in people:
        site.grant(bulky, client, "read")
    machine = site.deploy_client(bulky, door)
    clones = [SlowClone(site, client, bulky) for client in people]
    by_key = machine.with_ssh_options(*slow_line(door.host, door.port, RATE))
    running = by_key.start("git", "clone", "--quiet", bulky.url, "slow")
    wait_until(lambda: site.gerve_json("sessions", "--key", machine.key.fingerprint), "the machine's is listed")
    began = time.monotonic()
    site.gerve("user", "suspend", people[0].login)
    site.gerve("access", "revoke", bulky.path, people[1].login)
    site.gerve("key", "revoke", machine.key.fingerprint)
    for clone in clones:
        clone.ends(WITHDRAWN, began)
    running.finish(exit=128, says=WITHDRAWN)


@pytest.mark.both_doors
def test_a_push_that_is_ended_leaves_nothing_behind(site, bulky, door):
    writer = site.person("writer", door)
    repository = site.repository(writer, private=True)
    work = with_noise(writer, repository)
    slow = work.with_ssh_options(*slow_line(door.host, door.port, RATE))
    push = slow.start("git", "push", "--quiet")
    wait_until(lambda: repository.quarantines() and live_of(site, writer), "the push is being received")
    began = time.monotonic()
    site.gerve("kill", "--user", writer.login)
    push.finish(exit=NONZERO, says=KILLED.strip())
    assert time.monotonic() - began < WITHIN
    wait_until(lambda: not repository.quarantines(), "git has tidied up")
    repository.git("fsck")


def test_a_push_whose_file_server_has_stalled_is_ended_as_well(private_site):
    """The worker waits to be rid of what the client sent, and would wait for as long as TCP does."""
    writer = private_site.person("writer")
    repository = private_site.repository(writer, private=True)
    work = with_noise(writer, repository)
    held = []
    try:
        slow = work.with_ssh_options(*slow_line(writer.door.host, writer.door.port, RATE))
        push = slow.start("git", "push", "--quiet")
        wait_until(lambda: repository.quarantines() and live_of(private_site, writer), "the push is being received")
        held = [private_site.gateway.agent(), *private_site.gateway.git_processes()]
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: stands_still(private_site, writer), "all buffers on the way are full", timeout=30)
        began = time.monotonic()
        private_site.gerve("kill", "--user", writer.login)
        wait_until(lambda: not live_of(private_site, writer), "it has ended", timeout=WITHIN)
        push.finish(exit=NONZERO, says=KILLED.strip())
        assert time.monotonic() - began < 4 * WITHIN  # what is on the slow line comes first
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not repository.quarantines(), "git has tidied up")


@pytest.mark.gateway_only("an idle connection is sshd's, and nothing of Gerve runs there")
def test_an_idle_connection_ends_with_its_key(site, alice, bob):
    masters = []
    for client in (alice, bob):
        path = client.home / "mux"
        masters.append(client.start_ssh("-M", "-N", "-S", path))
        wait_until(path.exists, "the master connection is there")
    wait_until(lambda: live_of(site, alice) and live_of(site, bob), "both are listed")
    assert [entry["service"] for entry in live_of(site, alice)] == [""]
    assert "(idle)" in site.gerve("sessions", "--user", alice.login).stdout
    began = time.monotonic()
    site.gerve("key", "revoke", alice.key.fingerprint)
    masters[0].finish(exit=255, says=WITHDRAWN.strip().removeprefix("ERROR: "))
    assert time.monotonic() - began < WITHIN
    site.gerve("kill", live_of(site, bob)[0]["session"])
    masters[1].finish(exit=255, says=KILLED.strip().removeprefix("ERROR: "))


def test_a_kill_that_chooses_nothing_ends_nothing(site):
    site.gerve("kill", exit=2, says="give exactly one of SESSION, --key and --user")
    site.gerve("kill", "abc", exit=2, says="first 6 digits")
    site.gerve("kill", "--user", "nobody-at-all", exit=1, says="no matching session is live")


def test_what_runs_is_known_to_the_next_authz(private_site):
    """kill -9: nothing ends by it, and what may run no more is found by the successor."""
    alice = private_site.person("alice")
    repository = private_site.repository(alice)
    work = with_noise(alice, repository)
    work.git("push", "--quiet")
    clone = SlowClone(private_site, alice, repository)
    os.kill(private_site.gateway.authz(), signal.SIGKILL)
    wait_until(lambda: private_site.gateway.children("authz"), "authz is back")
    private_site.gerve("key", "revoke", alice.key.fingerprint)
    clone.running.finish(exit=128, says=WITHDRAWN, timeout=WITHIN + 10)

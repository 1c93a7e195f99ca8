"""While authz is away clients are let in to be told so: with the place, the deadline and the bounds of strangers."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from harness.messages import greeting
from harness.counted import with_metrics
from harness.processes import wait_until
from harness.rawssh import CHANNEL_REQUEST, RawClient

PLACES = 6
CONFIG = f"""\
state = "{{{{state}}}}"
[listen]
ssh = ["127.0.0.1:{{{{port}}}}"]
metrics = "127.0.0.1:{{metrics}}"
[ssh]
login_grace = "12s"
workers = 1
max_unauthenticated_per_source = {PLACES}
"""
AWAY = "cannot check your access"


@pytest.fixture
def site(private_sites):
    return with_metrics(private_sites, CONFIG)


@pytest.fixture
def door(site):
    return site.door()


@contextmanager
def authz_away(site):
    pid = site.gateway.authz()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def log_in_all(door, keys) -> list[RawClient]:
    """All at once: each waits for the answer that does not come."""
    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(lambda key: RawClient(door).log_in(key), keys))


def strangers(site) -> float:
    return site.metrics.value("gerve_connections_unauthenticated")


@pytest.mark.slow
def test_who_is_let_in_to_be_told_keeps_a_strangers_place(site, alice, door):
    unknown = [site.stranger().key for _ in range(PLACES - 2)]
    wait_until(lambda: strangers(site) == 0, "the probes of the start are gone")
    with authz_away(site):
        known, talkative, *others = log_in_all(door, [alice.key, alice.key, *unknown])
        assert AWAY in known.whoami()
        assert strangers(site) == PLACES
        # The same bound on what it sends as before the login.
        channel = talkative.open_session()
        for _ in range(100):
            talkative.send(CHANNEL_REQUEST, channel.peer, "x@example.org", False, b"x" * 30_000)
        assert talkative.is_cut(5), "it may send what it likes"
    with known:
        # The place is given back with the first question that authz answers.
        wait_until(lambda: greeting(alice.login) == known.whoami(), "authz knows the key")
        wait_until(lambda: strangers(site) == PLACES - 2, "one is known, and one is gone")
        assert all(AWAY in other.whoami() for other in others), "unknown keys are told what they were told"
        assert all(other.is_cut(15) for other in others), "no longer than a login may take"
        assert AWAY in others[0].disconnect_text
        wait_until(lambda: strangers(site) == 0, "each place is given back")
        assert known.whoami() == greeting(alice.login)


@pytest.mark.slow
def test_a_connection_that_asks_for_nothing_is_known_in_the_end(site, alice, door):
    with authz_away(site):
        (client,) = log_in_all(door, [alice.key])
    with client:
        wait_until(lambda: strangers(site) == 0, "its place is given back", timeout=20)
        assert client.whoami() == greeting(alice.login)

"""Drills with the database server: clones go on all the time while it is stopped, killed, overrun or slow.

Nobody is ever told anything wrong: what is not served is told as "cannot check your access" within the bound,
sessions under way are not harmed, and service is back at once. With --soak for as long as real troubles last,
and with as many clients as the machine carries.
"""

import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from harness.database import Database, SCHEMA
from harness.drip import DrippingProxy
from harness.messages import NOT_FOUND, write_denied
from harness.paused import PausedClone
from harness.processes import wait_until
from harness.site import Site
from harness.traffic import SERVED, UNAVAILABLE, Errand, Traffic

pytestmark = [pytest.mark.alone, pytest.mark.slow]

BOUND = 0.5  # seconds from a question to its refusal
SLACK = 0.3  # seconds that a client of these tests may take itself, on a machine with two cores
BACK = 2.0  # seconds until service is back
NOISE = 24 << 20  # bytes of a clone that is under way: more than all buffers between hold


@pytest.fixture(scope="module")
def house(workspace):
    """A gateway over a database server, shared by all drills; the way to the server leads through a proxy."""
    directory = Path(tempfile.mkdtemp(prefix="drill-", dir=workspace))
    database = Database(directory)
    try:
        with DrippingProxy(database.server.port) as proxy:
            made = Site(directory, database.config(proxy.port))
            with suppress(AssertionError):  # the grants on tables want these made
                database.make_accounts(SCHEMA)
            made.gerve("schema", "migrate")
            database.make_accounts(SCHEMA)
            made.start()
            made.database, made.proxy = database, proxy
            yield made
            made.gateway.stop()
    finally:
        database.stop()


class People:
    """Who clones, and what: one private repository, seen by its owner, a reader and a stranger."""

    def __init__(self, site):
        self.owner, self.reader, self.stranger = (site.person(name) for name in ("alice", "bob", "carol"))
        self.unknown = site.stranger("nobody")
        self.secret = site.repository(self.owner, "secret", private=True)
        site.grant(self.secret, self.reader, "read")
        self.owner.publish(self.secret)
        fetch, push = f"git-upload-pack '{self.secret.path}'", f"git-receive-pack '{self.secret.path}'"
        denied = write_denied(self.secret.path, self.reader.login)
        self.serve_owner = Errand(self.owner.key, fetch, SERVED)
        self.serve_reader = Errand(self.reader.key, fetch, SERVED)
        self.errands = [
            self.serve_owner,
            Errand(self.stranger.key, fetch, f"{NOT_FOUND}[1]"),
            self.serve_reader,
            Errand(self.reader.key, push, f"{denied}[1]"),
            Errand(self.owner.key, push, SERVED),
            Errand(self.unknown.key, fetch, "not let in"),
        ]


@pytest.fixture(scope="module")
def people(house):
    return People(house)


@pytest.fixture(scope="module")
def bulky(house, people):
    repository = house.repository(people.owner, "bulky")
    work = people.owner.publish(repository)
    work.commit("noise", os.urandom(NOISE))
    work.git("push", "--quiet")
    return repository


@pytest.fixture
def long(pytestconfig) -> bool:
    return pytestconfig.getoption("soak")


class Drill:
    """One trouble, with people cloning before, during and after it."""

    def __init__(self, house, people, bulky, long: bool):
        self.house, self.people, self.bulky = house, people, bulky
        self.threads = 12 if long else 4
        self.lasts = 10.0 if long else 2.0
        self.calm = 3.0 if long else 1.0
        self.rate = 50 if long else 1  # sessions a second, at least, before the trouble begins

    @contextmanager
    def under_way(self):
        """A clone and a push that began before the trouble; both must end well."""
        owner, name = self.people.owner, self.house.fresh("under-way")
        work = owner.clone(self.bulky, "--depth", "1", into=name)
        head = work.commit(name)
        self.bulky.hook("pre-receive", f"sleep {self.lasts + 1}")
        push = work.start("git", "push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
        wait_until(self.bulky.quarantines, "the push is being received")
        clone = PausedClone(self.house, owner, self.bulky, f"{name}-paused")
        yield
        clone.go_on()
        push.finish()
        assert self.bulky.rev(f"refs/heads/{name}") == head

    def run(self, trouble) -> list:
        """What everybody was told while the trouble lasted."""
        people = self.people
        crowd = [people.errands[turn:] + people.errands[:turn] for turn in range(self.threads)]
        with self.under_way(), Traffic(self.house.door(), crowd) as traffic:
            wait_until(lambda: len(traffic.told) >= self.threads, "all is well", timeout=20)
            calm_from = time.monotonic()
            time.sleep(self.calm)
            began = time.monotonic()
            with trouble:
                self.during(trouble)
            ended = time.monotonic()
            wait_until(lambda: traffic.is_well(self.calm), "all is well again", timeout=BACK + 2 * self.calm)
        assert not traffic.accidents, traffic.accidents[:5]
        wrong = [one for one in traffic.told if not one.right]
        assert not wrong, wrong[:5]
        late = [one for one in traffic.told if one.what == UNAVAILABLE and one.seconds > BOUND + SLACK]
        assert not late, late[:5]
        calm = [one for one in traffic.told if calm_from <= one.at < began]
        assert not refusals(calm), "refused before there was any trouble"
        assert len(calm) >= self.rate * (began - calm_from), f"only {len(calm)} sessions before the trouble"
        last = max((one.at for one in traffic.told if one.what == UNAVAILABLE), default=began)
        assert last - ended < BACK, f"still refused {last - ended:.1f} s after the end"
        during = [one for one in traffic.told if began <= one.at < ended]
        print(f"{len(traffic.told)} answers, {len(calm) / (began - calm_from):.0f} a second before the trouble, "
              f"{len(during)} during it, "
              f"{sum(one.what == UNAVAILABLE for one in traffic.told)} refusals, the slowest after "
              f"{max((one.seconds for one in traffic.told if one.what == UNAVAILABLE), default=0):.3f} s, "
              f"the last {last - ended:+.2f} s from the end")
        return during

    def during(self, trouble):
        (getattr(trouble, "go_on", None) or time.sleep)(self.lasts)


@pytest.fixture
def drill(house, people, bulky, long):
    return Drill(house, people, bulky, long)


def refusals(told) -> int:
    return sum(one.what == UNAVAILABLE for one in told)


def test_the_server_is_stopped(drill, house):
    assert refusals(drill.run(house.database.stopped())) > 0


def test_the_server_is_killed_and_started_again(drill, house):
    assert refusals(drill.run(house.database.killed())) > 0


class Killings:
    """KILL of all connections, again and again."""

    def __init__(self, database):
        self.database = database
        self.killed = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def go_on(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.killed += self.database.kill_connections()
            time.sleep(0.5)


def test_connections_are_killed_in_masses(drill, house):
    killings = Killings(house.database)
    told = drill.run(killings)
    assert killings.killed >= 4
    served = [one for one in told if one.what == SERVED]
    assert len(served) > refusals(told), "a lost connection costs one lookup at most"


def test_all_connections_are_taken(drill, house):
    assert refusals(drill.run(house.database.crowded())) > 0


def refused(told, errand: Errand) -> int:
    return sum(one.what == UNAVAILABLE for one in told if one.errand == errand)


def test_one_table_is_locked(drill, house, people):
    """Who does not need it is served: the owner, by no permission, and whoever is told that a key is unknown."""
    told = drill.run(house.database.locked("collaborators"))
    assert refused(told, people.serve_owner) == 0
    assert refused(told, people.serve_reader) > 0
    assert sum(one.what == SERVED for one in told if one.errand == people.serve_owner) > 0


@contextmanager
def without(database, table: str):
    database.ask(f"RENAME TABLE {table} TO gone")
    try:
        yield
    finally:
        database.ask(f"RENAME TABLE gone TO {table}")


def test_one_table_is_missing(drill, house, people):
    told = drill.run(without(house.database, "collaborators"))
    assert refused(told, people.serve_owner) == 0
    assert refused(told, people.serve_reader) > 0


def test_the_answers_of_the_server_come_by_drops(drill, house):
    assert refusals(drill.run(house.proxy.dripping())) > 0

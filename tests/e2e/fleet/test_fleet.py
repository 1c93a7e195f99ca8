"""A fleet: HAProxy, two gateways, a database and Redis, two pairs of file servers, twenty owners spread over them.

Everything goes to the server of its owner; and whatever part of it is flipped, drained or killed under clones and
pushes, exit statuses and refs agree, and nothing is left lying about. With --soak more people do it for longer, and
with more bytes.
"""

import os
import re
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.busy import ANY, Busy
from harness.fleet import Fleet
from harness.gate import Gate
from harness.processes import command_line, is_alive, session_members, wait_until

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(900)]

OWNERS = [("mojombo", "bert"), *((f"owner-{number}", f"project-{number}") for number in range(2, 21))]
GRACE = 5  # seconds that a git has which is to end (`grace` of gerve-agent.toml)
HOOK = 1  # seconds that some pushes spend in their hook; 5 with --soak
NOISE = 24 << 20  # bytes that are under way: more than all buffers between hold
SOME = 1 << 20  # of these, that have gone when it stands still
COME_ROUND = 1  # seconds; docs/deployment.md says ten, for a network that is one


@pytest.fixture(scope="module")
def fleet(workspace):
    made = Fleet(Path(tempfile.mkdtemp(prefix="fleet-", dir=workspace)))
    try:
        made.start()
        made.add_owners(OWNERS)
        yield made
        made.stop()
    finally:
        made.kill()


@pytest.fixture(scope="module")
def published(fleet):
    """All owners, each with a commit in his repository."""

    def publish(owner):
        owner.repository.hook("pre-receive", 'echo "$GERVE_USER $GERVE_REMOTE_ADDR" >> seen')
        owner.work = owner.client.publish(owner.repository)

    with ThreadPoolExecutor(4) as several:
        list(several.map(publish, fleet.owners))
    return fleet.owners


@pytest.fixture(scope="module")
def long(pytestconfig) -> bool:
    return pytestconfig.getoption("soak")


@pytest.fixture(scope="module")
def people(published, long):
    """Some of them, who will be busy, of either pair; the hooks of a third of them take their time."""
    some = published[2 : 14 if long else 8]
    for owner in some[::3]:
        owner.repository.hook("pre-receive", f"sleep {5 if long else HOOK}")
    return some


@pytest.fixture(scope="module")
def bulky(published, long):
    """The repository that is too large to be cloned in a moment."""
    owner = published[0]
    for repository in (owner.work, owner.repository):
        repository.git("config", "core.compression", "0")
        repository.git("config", "core.bigFileThreshold", "1m")
    for number in range(43 if long else 1):
        owner.work.commit(f"noise-{number}", os.urandom(NOISE))
    owner.work.git("push", "--quiet")
    return owner


# ---- where everything goes


def test_each_repository_lies_on_the_server_of_its_owner(fleet, published):
    bert = published[0].repository
    assert bert.disk == fleet.pairs[0].root / "a/a8/e2/95/mojombo/bert.git"
    assert fleet.gerve("route", "get", "mojombo").stdout == f"fs1  {' '.join(fleet.pairs[0].endpoints)}\n"
    assert fleet.redis.routes() == {owner.login: owner.pair.name for owner in published}
    for owner in published:
        assert owner.repository.rev("main") == owner.work.rev("main")
        (other,) = [pair for pair in fleet.pairs if pair is not owner.pair]
        assert not list(other.root.glob(f"**/{owner.repository.name}.git"))


def test_everybody_clones_what_he_pushed(published):
    def clone(owner):
        assert owner.client.clone(owner.repository, into="again").rev("main") == owner.repository.rev("main")

    with ThreadPoolExecutor(4) as several:
        list(several.map(clone, published))


def test_hooks_and_logs_have_the_addresses_of_the_clients(fleet, published):
    for owner in published:
        seen = (owner.repository.disk / "seen").read_text().splitlines()
        assert set(seen) == {f"{owner.login} {owner.address}"}
        mine = [line for line in fleet.sessions() if f" who={owner.login} " in line]
        assert mine and all(f" addr={owner.address} " in line for line in mine)


def test_both_gateways_and_one_agent_of_each_pair_do_the_work(fleet, published):
    for gateway in fleet.gateways:
        wait_until(lambda: gateway.gateway.log().count(" worker: session ") >= len(published) // 2, "half of them")
    for pair in fleet.pairs:
        wait_until(lambda: pair.active.log().count(" agent: done ") >= len(published), "one for each who publishes")
        assert " agent: done " not in pair.idle.log()


def test_one_request_id_leads_through_all_logs(fleet, published):
    owner = published[1]
    owner.client.git("ls-remote", owner.repository.url)
    session = wait_until(lambda: [line for line in fleet.sessions() if f" who={owner.login} " in line], "it is logged")
    (request,) = re.findall(r" request=([0-9a-f]{32}) ", session[-1])
    logs = [gateway.gateway.log() for gateway in fleet.gateways]
    assert any(f" authz: decision request={request} " in log for log in logs)
    wait_until(lambda: f" agent: done request={request} " in owner.pair.active.log(), "the agent logs it")
    assert any(request in file.read_text() for file in (gateway.state / "audit.jsonl" for gateway in fleet.gateways))


# ---- what an operator does


def test_a_pair_is_flipped_under_clones_and_pushes(fleet, people, long):
    """Neither a clone nor a push fails, also not when the agent that is idle then is replaced."""
    with Busy(people) as busy:
        for _ in range(10 if long else 2):
            began = time.monotonic()
            for pair in fleet.pairs:
                pair.flip(pause=COME_ROUND)
                pair.idle.stop()
                pair.idle.start()
            wait_until(lambda: busy.has_done(2, since=began), "everybody goes on", timeout=60)
    assert not busy.failed, busy.told()
    busy.check()
    fleet.check_repositories()


def test_gateways_are_drained_in_turn_and_nobody_notices(fleet, people, long):
    greeters = fleet.owners[14:18]
    with Busy(people) as busy, Busy(greeters, ("greet",)) as greeting:
        for _ in range(5 if long else 1):
            for gateway in fleet.gateways:
                began = time.monotonic()
                wait_until(lambda: busy.has_done(1, since=began), "everybody goes on", timeout=60)
                gateway.drain()
                gateway.start()
                fleet.await_gateways()
    assert not busy.failed + greeting.failed, busy.told() + greeting.told()
    busy.check()
    greeting.check()
    fleet.check_repositories()


# ---- what is killed


class UnderWay:
    """A clone and a push that stand still in the middle: when the blow falls, both are under way."""

    def __init__(self, fleet, bulky, name: str):
        self.fleet, self.bulky = fleet, bulky
        self.ref = f"refs/heads/{name}"
        bulky.work.git("reset", "--quiet", "--hard", "origin/main")
        self.head = bulky.work.commit(name, os.urandom(NOISE))
        self.gates = [Gate(fleet.directory / f"{name}-{way}", way, SOME) for way in ("sent", "came")]
        pushes, clones = (person.with_ssh_options(*gate.options(fleet.door))
                          for person, gate in zip((bulky.work, bulky.client), self.gates))
        self.push = pushes.start("git", "push", "--quiet", "origin", f"HEAD:{self.ref}")
        self.clone = clones.start("git", "clone", "--quiet", "--bare", bulky.repository.url, name)
        wait_until(lambda: all(gate.is_reached() for gate in self.gates) and bulky.repository.quarantines(),
                   "both are in the middle", timeout=60)

    def end(self) -> tuple[int, int]:
        """Lets both go on to their end; what they were told."""
        for gate in self.gates:
            gate.open()
        push, clone = (running.finish(exit=ANY, timeout=300) for running in (self.push, self.clone))
        if push.exit == 0:
            assert self.bulky.repository.rev(self.ref) == self.head
        return push.exit, clone.exit


@dataclass
class Blows:
    """People at work, and one clone and one push that stand still in the middle, while something is killed."""

    fleet: Fleet
    people: list
    bulky: object
    long: bool

    def run(self, name: str, strike, mend, cuts: bool = True) -> list[tuple[int, int]]:
        """strike() kills; mend() does what an operator does then. cuts: sessions under way end by it, and so must
        git. What push and clone were told, for each turn."""
        told = []
        with Busy(self.people) as busy:
            for turn in range(5 if self.long else 1):
                under_way = UnderWay(self.fleet, self.bulky, f"{name}-{turn}")
                wait_until(self._hook_runs, "a hook takes its time", timeout=60)
                served = self.fleet.git_processes()
                strike()
                if cuts:
                    wait_until(lambda: not any(map(is_alive, served)), "git has ended", timeout=GRACE + self.hook)
                mend()
                mended = time.monotonic()
                told.append(under_way.end())
                wait_until(lambda: busy.has_done(2, since=mended), "everybody is served again", timeout=60)
        busy.check()
        self.fleet.check_repositories()
        print(f"{len(busy.pushes)} pushes, {len(busy.done)} deeds, {len(busy.failed)} failed; told {told}")
        return told

    @property
    def hook(self) -> int:
        return 5 if self.long else HOOK

    def _hook_runs(self) -> bool:
        return any("pre-receive" in " ".join(command_line(pid)) for pid in self.fleet.all_processes())


@pytest.fixture
def killing(fleet, people, bulky, long):
    return Blows(fleet, people, bulky, long)


def test_the_agents_that_serve_are_killed(fleet, killing):
    """The others take over, and the dead come back as those that wait."""
    dead = []

    def strike():
        dead[:] = [pair.lose_active() for pair in fleet.pairs]

    def mend():
        for agent in dead:
            agent.start()

    told = killing.run("agents", strike, mend)
    assert all(clone != 0 for _, clone in told), told


def test_all_workers_are_killed(fleet, killing):
    def strike():
        for pid in [pid for gateway in fleet.gateways for pid in gateway.gateway.workers()]:
            os.kill(pid, signal.SIGKILL)

    told = killing.run("workers", strike, fleet.await_gateways)
    assert all(clone != 0 for _, clone in told), told


def test_a_master_is_killed(fleet, killing):
    """Its workers finish what they carry; the other gateway takes who comes; the next master takes over."""
    gateway = fleet.gateways[0]
    orphans = []

    def strike():
        orphans.append(gateway.kill_master())

    def mend():
        gateway.start()
        fleet.await_gateways()

    told = killing.run("master", strike, mend, cuts=False)
    assert set(told) == {(0, 0)}, told
    wait_until(lambda: not any(map(session_members, orphans)), "what the dead left has ended", timeout=20)

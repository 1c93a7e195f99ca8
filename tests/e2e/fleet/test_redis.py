"""Routes in Redis: what keeps them right, what a clone costs, and what happens while Redis is away."""

import json
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness.sql_server import SqlServer
from harness.processes import free_port, wait_until
from harness.production import Production

BACK = 2.0  # seconds within which Redis is asked again
BOUND = 4.0  # seconds that a clone may take on a busy machine


@pytest.fixture
def productions(workspace):
    made: list[Production] = []

    def make(**options) -> Production:
        made.append(Production(Path(tempfile.mkdtemp(prefix="redis-", dir=workspace)), **options))
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def site(productions) -> Production:
    return productions()


@pytest.fixture(scope="module")
def database():
    made = SqlServer()
    yield made
    made.stop()


# ---- what a clone costs


def asked(site) -> dict[str, float]:
    value = site.metrics.value
    queries = {name: value("gerve_directory_queries_total", query=name) for name in ("key", "repository", "permission")}
    return {**queries, **{f"route from {source}": value("gerve_directory_queries_total", query="route", source=source)
                          for source in ("redis", "sql")}}


def cost(site, clone) -> dict[str, float]:
    """What was asked meanwhile, without what was not."""
    before = asked(site)
    clone()
    return {name: count - before[name] for name, count in asked(site).items() if count != before[name]}


def test_what_a_clone_costs_in_database_and_redis(productions, database):
    site = productions(database=database)
    alice, bob, org = site.person("alice"), site.person("bob"), site.organisation()
    secret = site.repository(alice, private=True)
    public = site.repository(alice, "public")
    site.grant(secret, bob, "read")
    shared = site.repository(org, private=True)
    site.grant(shared, site.team(org, bob), "write")
    alice.publish(secret)
    assert cost(site, lambda: alice.clone(secret, into="own")) == {"key": 1, "repository": 1, "route from redis": 1}
    with_permission = {"key": 1, "repository": 1, "permission": 1, "route from redis": 1}
    assert cost(site, lambda: bob.clone(secret)) == with_permission
    assert cost(site, lambda: bob.clone(shared, into="shared")) == with_permission
    assert cost(site, lambda: bob.git("ls-remote", public.url)) == {"key": 1, "repository": 1, "route from redis": 1}
    refused = cost(site, lambda: site.person("stranger").git("ls-remote", secret.url, exit=128))
    assert refused == {"key": 1, "repository": 1, "permission": 1}
    assert site.metrics.get("/readyz") == (200, "ready\n")


# ---- keeping routes right


def test_route_set_writes_both_and_what_is_missing_is_repaired(site):
    alice = site.person("alice")
    repository = site.repository(alice)
    assert site.redis.routes() == {alice.login: "fs1"}
    site.redis.ask("DEL", f"route:{alice.login}")
    assert cost(site, lambda: alice.git("ls-remote", repository.url)) == {
        "key": 1, "repository": 1, "route from redis": 1, "route from sql": 1}
    wait_until(lambda: site.redis.routes() == {alice.login: "fs1"}, "the key is repaired")
    site.gerve("route", "remove", alice.login)
    assert site.redis.routes() == {}
    alice.git("ls-remote", repository.url, exit=128)


def test_a_renamed_owner_is_found_by_its_route(site):
    alice = site.person("alice")
    repository = site.repository(alice)
    site.redis.kill()
    site.gerve("user", "rename", alice.login, "alicia", exit=1, says="nothing was renamed")
    site.redis.start()
    site.gerve("user", "rename", alice.login, "alicia")
    assert site.redis.routes() == {"alicia": "fs1"}
    alice.git("ls-remote", repository.url, says="has moved to alicia/project")


def test_route_sync_tells_and_mends_differences(site):
    alice, bob = site.person("alice"), site.person("bob")
    site.repository(alice)
    site.repository(bob)
    site.gerve("route", "sync", "--check", stdout="2 routes: Redis matches the table\n")
    site.redis.ask("SET", f"route:{alice.login}", "fs9")
    site.redis.ask("DEL", f"route:{bob.login}")
    site.redis.ask("SET", "route:carol", "fs1")
    site.redis.ask("SET", "other:carol", "fs1")
    expected = [{"owner": alice.login, "redis": "fs9", "table": "fs1"}, {"owner": bob.login, "redis": "", "table": "fs1"},
                {"owner": "carol", "redis": "fs1", "table": ""}]
    checked = site.gerve("route", "sync", "--check", exit=1)
    assert all(word in checked.stdout for word in (alice.login, "fs9", bob.login, "carol"))
    assert site.redis.routes() == {alice.login: "fs9", "carol": "fs1"}
    assert synced(site, "--check", exit=1) == [{**one, "repaired": False} for one in expected]
    assert synced(site) == [{**one, "repaired": True} for one in expected]
    assert site.redis.routes() == {alice.login: "fs1", bob.login: "fs1"}
    assert site.redis.ask("GET", "other:carol") == "fs1"
    assert synced(site) == []


def synced(site, *options, **expected) -> list[dict]:
    told = json.loads(site.gerve("route", "sync", "--json", *options, **expected).stdout)
    return sorted(told, key=lambda one: one["owner"])


def test_commands_while_redis_is_away(site):
    alice = site.person("alice")
    repository = site.repository(alice)
    bob = site.person("bob")
    site.redis.kill()
    site.gerve("route", "set", bob.login, "fs1", exit=1, stdout="",
               says=("the table was changed, but Redis was not", "gerve route sync", site.redis.socket))
    assert site.gerve_json("route", "get", bob.login)["server"] == "fs1"
    for options in ([], ["--check"]):
        site.gerve("route", "sync", *options, exit=1, stdout="", says=site.redis.socket)
    checked = site.gerve("check", exit=1)
    assert "check that Redis is running and listening there" in checked.stdout
    site.redis.start()
    wait_until(lambda: site.metrics.value("gerve_redis_up") == 1, "Redis is asked again", timeout=BACK)
    site.gerve("route", "sync", says=bob.login)
    assert site.redis.routes() == {alice.login: "fs1", bob.login: "fs1"}
    alice.git("ls-remote", repository.url)


def test_check_tells_what_an_account_of_redis_lacks(productions, workspace):
    password = Path(tempfile.mkdtemp(dir=workspace)) / "redis.password"
    password.write_text("secret-of-redis\n")
    password.chmod(0o600)
    port = free_port()
    site = productions(redis=f'address = "127.0.0.1:{port}"\nuser = "gerve"\npassword_file = "{password}"\n')
    site.redis.ask("CONFIG", "SET", "port", str(port))

    def check(exit=1) -> str:
        told = site.gerve("check", exit=exit)
        assert "secret-of-redis" not in told.stdout + told.stderr
        return told.stdout

    assert "WRONGPASS" in check() and "ACL LIST" in check()
    site.redis.ask("ACL", "SETUSER", "gerve", "on", ">secret-of-redis", "~route:*", "+ping", "+set")
    assert "ACL SETUSER gerve ~route:* +get" in check()
    site.redis.ask("ACL", "SETUSER", "gerve", "+get", "-set")
    assert "ACL SETUSER gerve ~route:* +set" in check(exit=0)
    site.redis.ask("ACL", "SETUSER", "gerve", "+set")
    assert "FAIL" not in check(exit=0)
    wait_until(lambda: site.metrics.value("gerve_redis_up") == 1, "Redis is asked")


# ---- drills


class Clones:
    """Clones without a pause until it is left; then none may have failed or taken too long."""

    def __init__(self, person, repository, threads: int = 3):
        self._person = person
        self._repository = repository
        self._leaving = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.seconds or self.failures, "the first clone is there", timeout=30)
        return self

    def _run(self, number: int) -> None:
        round = 0
        while not self._leaving.is_set():
            round += 1
            try:
                outcome = self._person.git("clone", "--quiet", "--bare", self._repository.url, f"copy-{number}-{round}",
                                           exit=range(256))
            except AssertionError as hung:
                self.failures.append(str(hung))
                return
            self.seconds.append(outcome.seconds)
            if outcome.exit != 0:
                self.failures.append(outcome.transcript())

    def __exit__(self, kind, *_):
        self._leaving.set()
        for thread in self._threads:
            thread.join(60)
        if kind is None:
            assert not self.failures, "\n".join(self.failures[:3])
            assert max(self.seconds) < BOUND, sorted(self.seconds)[-5:]


def from_redis(site) -> float:
    return site.metrics.value("gerve_directory_queries_total", query="route", source="redis", result="found")


def drill(site, away_for: float, leave, come_back) -> None:
    """Redis goes away and comes back while people clone."""
    alice = site.person("alice")
    repository = site.repository(alice)
    alice.publish(repository)
    with Clones(alice, repository) as clones:
        wait_until(lambda: from_redis(site) > 0, "routes come from Redis")
        leave()
        wait_until(lambda: site.metrics.value("gerve_redis_up") == 0, "Redis is left alone", timeout=3)
        done, skipped = len(clones.seconds), site.metrics.value("gerve_redis_skipped_total")
        time.sleep(away_for)
        assert len(clones.seconds) > done, "clones go on"
        assert site.metrics.value("gerve_redis_skipped_total") > skipped, "through the table"
        come_back()
        wait_until(lambda: site.metrics.value("gerve_redis_up") == 1, "Redis is asked again", timeout=BACK)
        found = from_redis(site)
        wait_until(lambda: from_redis(site) > found, "routes come from Redis again")
    assert site.redis.routes() == {alice.login: "fs1"}


@pytest.mark.parametrize("away_for", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_redis_hangs_under_clones(site, away_for):
    drill(site, away_for, site.redis.freeze, site.redis.thaw)


@pytest.mark.parametrize("away_for", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_redis_is_killed_under_clones_and_comes_back_empty(site, away_for):
    drill(site, away_for, site.redis.kill, site.redis.start)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_redis_goes_and_comes_all_the_time(site):
    """Twenty times a second and a half away, each way in turn."""
    alice = site.person("alice")
    repository = site.repository(alice)
    alice.publish(repository)
    with Clones(alice, repository):
        for number in range(20):
            (site.redis.freeze if number % 2 else site.redis.kill)()
            time.sleep(1.5)
            (site.redis.thaw if number % 2 else site.redis.start)()
            wait_until(lambda: site.metrics.value("gerve_redis_up") == 1, "Redis is asked again", timeout=BACK)

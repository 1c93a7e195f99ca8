"""Sessions over both front doors while authz is killed and the database is away: no event is lost, none is twice."""

import hashlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.audit import events_in, misfits, schema
from harness.over_database import site_over_database
from harness.processes import wait_until
from harness.sshd import Sshd


@pytest.fixture
def house(workspace):
    with site_over_database(workspace / f"drill-{len(list(workspace.glob('drill-*')))}") as site:
        yield site


@pytest.fixture
def sshd(house, workspace):
    directory = house.directory / "sshd"
    directory.mkdir()
    server = Sshd(directory, str(house.state / "authz.sock")).start()
    yield server
    server.stop()


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_twice(house, sshd):
    drill(house, sshd, sessions=60, outage=5)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_thousand_sessions_and_a_minute_without_a_database(house, sshd):
    drill(house, sshd, sessions=1000, outage=60)


def drill(house, sshd, sessions: int, outage: float) -> None:
    people = [house.person("gate"), house.person("sshd", sshd.door())]
    projects = [house.repository(one) for one in people]
    for one, project in zip(people, projects):
        one.publish(project)
    file = house.state / "audit.jsonl"
    wait_until(lambda: served_in(file) == len(people), "the ends of what was pushed to begin with")
    done = []

    def one_session(number: int) -> None:
        who, project = people[number % 2], projects[number % 2]
        if number % 10 < 2:
            outcome = who.ssh(f"git-upload-pack '{who.login}/nothing-{number}'", exit=range(256))
        elif number % 10 < 4:
            outcome = who.ssh(f"git-receive-pack '{project.path}'", input=b"0000", exit=range(256))
        else:
            outcome = who.git("ls-remote", project.url, exit=range(256))
        done.append(outcome.exit)

    def kill_authz() -> None:
        os.kill(house.gateway.authz(), signal.SIGKILL)

    with ThreadPoolExecutor(4) as several:
        running = [several.submit(one_session, number) for number in range(sessions)]
        for quarter, trouble in enumerate((kill_authz, lambda: away(house, outage), kill_authz), 1):
            wait_until(lambda: len(done) >= quarter * sessions // 4, f"quarter {quarter}", timeout=1000)
            trouble()
        for one in running:
            one.result()

    served = done.count(0)
    assert served >= sessions // 4
    wait_until(lambda: served_in(file) >= len(people) + served, "every session that was served has its end", timeout=20)
    wait_until(lambda: sum(one["event"] == "service" and one["is"] == "started" for one in events_in(file)) == 3,
               "the last authz has begun", timeout=20)
    wait_until(lambda: rows(house) == lines(file), "the table has what the file has", timeout=30)
    assert served_in(file) == len(people) + served
    events = events_in(file)
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert len({one["chain"] for one in events}) == 1
    ended = [one["request"] for one in events if one["event"] == "session"]
    assert len(ended) == len(set(ended))
    assert {one["door"] for one in events if one["event"] == "session"} == {"gateway", "sshd"}
    for one in events:
        assert not misfits(one, schema()), one
    house.gerve("audit", "verify")


def served_in(file) -> int:
    return sum(one["event"] == "session" and one["exit"] == 0 for one in events_in(file))


def away(house, seconds: float) -> None:
    with house.database.killed():
        time.sleep(seconds)


def lines(file) -> list[tuple[int, str]]:
    return [(number, hashlib.sha256(line.encode()).hexdigest()) for number, line in enumerate(file.read_text().splitlines(), 1)]


def rows(house) -> list[tuple[int, str]]:
    told = house.database.ask("SELECT seq, SHA2(body, 256) FROM audit_events ORDER BY chain, seq")
    return [(int(number), digest) for number, digest in (line.split() for line in told.splitlines())]

"""`gerve apply` as a whole: all or nothing, several at the same time, and thousands of changes, on both databases."""

import base64
import sqlite3
from contextlib import closing

import pytest

from harness.declared import apply, changes, declared, entry, exported, make_company
from harness.over_database import site_over_database
from harness.programs import program


@pytest.fixture
def company(private_sites):
    return make_company(private_sites())


def fail_grants(site, database=None):
    """From now on no team can be given access."""
    if database is not None:
        database.ask("DELIMITER //\nCREATE TRIGGER stumble BEFORE INSERT ON team_repos FOR EACH ROW "
                     "BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'stumbled'; END//\n")
        return
    with closing(sqlite3.connect(site.state / "gerve.db")) as directory:
        directory.execute("CREATE TRIGGER stumble BEFORE INSERT ON team_repos BEGIN SELECT RAISE(ABORT, 'stumbled'); END")
        directory.commit()


def check_all_or_nothing(company, other, database=None):
    text = exported(company)
    nothing = exported(other)
    fail_grants(other, database)
    apply(other, text, exit=1, stdout="")
    assert exported(other) == nothing
    assert other.gerve_json("user", "list") == [] and other.gerve_json("repo", "list") == []


def check_two_at_once(site, clients: int = 4):
    """All of them apply files that overlap; each waits for the other, and all is there in the end."""
    common = [entry("users", login=f"user{number}") for number in range(20)]
    repositories = [entry("repositories", path=f"user{number}/x", read=["user1", "user2"]) for number in range(3, 9)]
    files = [
        site.admin.write(f"{number}.toml", declared(*common, entry("users", login=f"own{number}"), *repositories))
        for number in range(clients)
    ]
    running = [site.admin.start(program("gerve"), *site.gateway.options, "apply", file) for file in files]
    told = [one.finish() for one in running]
    assert sum(len([line for line in changes(one) if line.startswith("+ ")]) for one in told) == 20 + clients + 6 * 3
    assert len(site.gerve_json("user", "list")) == 20 + clients
    assert [one["state"] for one in site.gerve_json("repo", "list")] == ["active"] * 6
    for file in files:
        site.gerve("apply", file, says="nothing to change")


def test_a_statement_that_fails_leaves_nothing_changed(company, private_sites):
    check_all_or_nothing(company, private_sites())


def test_several_at_the_same_time_take_turns(private_site):
    check_two_at_once(private_site)


def check_thousands(site) -> float:
    """1,000 accounts with a key each, 500 repositories without disk work, 5,000 grants."""
    people = [f"user{number:04}" for number in range(1000)]
    users = []
    for number, name in enumerate(people):
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 28 + number.to_bytes(4, "big")
        key = {"key": "ssh-ed25519 " + base64.b64encode(blob).decode(), "title": f"{name}'s"}
        users.append(entry("users", login=name) + entry("users.keys", **key))
    repositories = [entry("repositories", path=f"user{number:04}/x") for number in range(50)]
    site.gerve("apply", site.admin.write("few.toml", declared(*users[:50], *repositories)))
    granted = [
        entry("repositories", path=f"user{number:04}/x", write=[people[50 + (number * 7 + i) % 950] for i in range(100)])
        for number in range(50)
    ]
    file = site.admin.write("many.toml", declared(*users, *granted))
    outcome = site.gerve("apply", file, timeout=120)
    assert len(changes(outcome)) == 2 * 950 + 5000
    again = site.gerve("apply", file, stdout="nothing to change\n")
    print(f"\n6,900 changes in {outcome.seconds:.1f} s, none in {again.seconds:.1f} s")
    return outcome.seconds


@pytest.mark.timing
def test_thousands_of_changes_take_seconds(private_site):
    assert check_thousands(private_site) < 30


@pytest.fixture
def over_database(workspace):
    """A site over a database server."""
    with site_over_database(workspace / f"declared-{len(list(workspace.glob('declared-*')))}") as site:
        yield site


def test_over_a_database_server_it_is_the_same(company, over_database):
    text = exported(company)
    check_all_or_nothing(company, over_database, over_database.database)
    over_database.database.ask("DROP TRIGGER stumble")
    outcome = apply(over_database, text, says="changes made")
    assert len(changes(outcome)) > 10
    assert exported(over_database) == text
    apply(over_database, text, "--prune", stdout="nothing to change\n")
    over_database.gerve("key", "revoke", company.bob.key.fingerprint)
    apply(over_database, text, says=f"+ key {company.bob.login}")
    few = declared(entry("users", login=company.alice.login))
    outcome = apply(over_database, few, "--prune", "--dry-run")
    assert changes(apply(over_database, few, "--prune")) == changes(outcome)
    apply(over_database, few, "--prune", says="nothing to change")


def test_over_a_database_server_several_take_turns(over_database):
    check_two_at_once(over_database)


@pytest.mark.timing
def test_over_a_database_server_thousands_of_changes_take_seconds(over_database):
    assert check_thousands(over_database) < 60

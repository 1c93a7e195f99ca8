"""When a part is away: a bounded answer with a request id, never an allowance or "not found" by mistake."""

import os
import signal
import sqlite3

from contextlib import closing, contextmanager

import pytest

from harness.messages import CANNOT_CHECK, CONNECTION_LOST, server_not_answering
from harness.outcome import NONZERO
from harness.processes import stopped, wait_until
from harness.rawssh import RawClient

BOUND = 5.0  # seconds within which any refusal must be there
BACK = 2.0  # seconds within which service is back


@pytest.fixture
def site(private_sites):
    return private_sites()


@pytest.fixture
def door(site):
    return site.door()


@contextmanager
def dead(site, pid: int):
    """A process that is killed and, since the master hangs, not replaced."""
    with stopped(site.gateway.pid):
        os.kill(pid, signal.SIGKILL)
        yield


def cannot_check(person, repository, service="git-upload-pack"):
    outcome = person.ssh(f"{service} '{repository.path}'", exit=75, stdout="", stderr=CANNOT_CHECK)
    assert outcome.seconds < BOUND
    return outcome


def serves(person, repository) -> bool:
    return person.git("ls-remote", repository.url, exit=range(256)).exit == 0


# ---- authz


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
def test_authz_hangs(site, alice, stranger, project, service):
    with stopped(site.gateway.authz()):
        cannot_check(alice, project, service)
        cannot_check(stranger, project, service)
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


def test_authz_is_dead(site, alice, project):
    with dead(site, site.gateway.authz()):
        cannot_check(alice, project)
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


def test_authz_hangs_on_a_connection_that_was_let_in_before(site, alice, project, door):
    with RawClient(door) as client:
        client.log_in(alice.key)
        with stopped(site.gateway.authz()):
            answer = client.open_session().exec(f"git-upload-pack '{project.path}'")
        assert (answer.stdout, answer.exit) == (b"", 75)
        assert CANNOT_CHECK.fullmatch(answer.stderr.decode())
        wait_until(
            lambda: client.open_session().exec(f"git-upload-pack '{project.path}'", b"0000").exit == 0,
            "the same connection is served again",
            timeout=BACK,
        )


def test_a_key_that_is_unknown_is_not_let_in_by_an_outage(site, door, project):
    """Whoever cannot be checked is told so; nothing is allowed and nothing told about repositories."""
    unknown = site.stranger("unknown", door)
    with stopped(site.gateway.authz()):
        outcome = unknown.ssh(f"git-upload-pack '{project.path}'", exit=range(1, 256), stdout="")
    assert outcome.exit == 255 or CANNOT_CHECK.fullmatch(outcome.stderr), outcome.transcript()


def test_a_push_in_progress_is_not_harmed_when_authz_hangs(site, alice, project):
    project.hook("pre-receive", "sleep 2")
    work = alice.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until(lambda: site.gateway.git_processes(), "git receives the push")
    with stopped(site.gateway.authz()):
        push.finish()
    assert project.rev("main") == head


def test_fifty_clients_while_authz_hangs_are_all_answered(site, alice, project):
    with stopped(site.gateway.authz()):
        asking = [alice.start_ssh(f"git-upload-pack '{project.path}'") for _ in range(50)]
        for session in asking:
            session.finish(exit=75, stdout="", stderr=CANNOT_CHECK)
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


# ---- the directory

TABLES = ("accounts", "public_keys", "repositories")


@contextmanager
def altered(site, change: str, undo: str):
    """The directory's file with a statement run on it behind Gerve's back, and another afterwards."""
    with closing(sqlite3.connect(site.state / "gerve.db", timeout=10)) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA legacy_alter_table = ON")
        for number, statement in enumerate((change, undo)):
            database.execute(statement)
            database.commit()
            if number == 0:
                yield


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_missing(site, alice, stranger, secret, table):
    with altered(site, f"ALTER TABLE {table} RENAME TO gone", f"ALTER TABLE gone RENAME TO {table}"):
        cannot_check(alice, secret)
        cannot_check(stranger, secret)
    wait_until(lambda: serves(alice, secret), "service is back", timeout=BACK)


def test_the_permission_cannot_be_read(site, alice, bob, stranger, secret):
    """The owner needs no permission: their work goes on, also beside those who do."""
    site.grant(secret, bob, "read")
    with altered(
        site, "ALTER TABLE collaborators RENAME TO gone", "ALTER TABLE gone RENAME TO collaborators"
    ):
        for _ in range(5):
            asking = [person.start_ssh(f"git-upload-pack '{secret.path}'") for person in (bob, stranger, bob)]
            alice.git("ls-remote", secret.url)
            for session in asking:
                session.finish(exit=75, stdout="", stderr=CANNOT_CHECK)
        cannot_check(bob, secret)
        cannot_check(stranger, secret)
    bob.git("ls-remote", secret.url)


def test_the_database_is_locked(site, alice, project):
    """A reader of SQLite is not kept out by a writer; if it were, it must be told as an outage."""
    with closing(sqlite3.connect(site.state / "gerve.db", timeout=10)) as database:
        database.execute("BEGIN IMMEDIATE")
        outcome = alice.git("ls-remote", project.url, exit=range(256))
        assert outcome.exit == 0 or CANNOT_CHECK.search(outcome.stderr), outcome.transcript()
        assert outcome.seconds < BOUND


MALFORMED = {
    "login": (
        "UPDATE accounts SET login = 'not a login!' WHERE login = '{owner}'",
        "UPDATE accounts SET login = '{owner}' WHERE login = 'not a login!'",
    ),
    "name": (
        "UPDATE repositories SET name = '../x' WHERE name = '{name}'",
        "UPDATE repositories SET name = '{name}' WHERE name = '../x'",
    ),
    "key": (
        "UPDATE public_keys SET key_blob = CAST(x'00' || key_blob AS BLOB)",
        "UPDATE public_keys SET key_blob = substr(key_blob, 2)",
    ),
}


@pytest.mark.parametrize("field", MALFORMED)
def test_a_malformed_row_is_an_outage(site, alice, project, field):
    change, undo = (text.format(owner=project.owner, name=project.name) for text in MALFORMED[field])
    with altered(site, change, undo):
        outcome = alice.ssh(f"git-upload-pack '{project.path}'", exit=NONZERO, stdout="")
        # A stored key that differs from its fingerprint may also be told as unknown: it is not that key.
        assert CANNOT_CHECK.fullmatch(outcome.stderr) or (
            field == "key" and outcome.exit == 255
        ), outcome.transcript()
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


def test_a_key_that_makes_no_sense_is_named_in_the_log(site, alice, project):
    with altered(site, *(text.format(owner=project.owner, name=project.name) for text in MALFORMED["login"])):
        cannot_check(alice, project)
    wait_until(lambda: f"key: malformed row, column 8 ({alice.key.fingerprint})" in site.gateway.log(),
               "the log names the key")
    assert "cannot reach its directory" not in site.gateway.log()


def test_the_database_file_is_garbage(site, project):
    site.gateway.stop()
    database = site.state / "gerve.db"
    good = database.read_bytes()
    for journal in ("gerve.db-wal", "gerve.db-shm"):
        (site.state / journal).unlink(missing_ok=True)
    database.write_bytes(good[:100] + os.urandom(len(good) - 100))
    site.gateway.fails_to_start(says="gerve.db", exit=1)


# ---- the file server


def not_answering(person, repository):
    outcome = person.ssh(
        f"git-upload-pack '{repository.path}'",
        exit=75,
        stdout="",
        stderr=server_not_answering(repository.owner),
    )
    assert outcome.seconds < 2 * BOUND


def test_the_agent_is_dead(site, alice, project):
    with dead(site, site.gateway.agent()):
        not_answering(alice, project)
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


@pytest.mark.slow
def test_the_agent_hangs(site, alice, project):
    with stopped(site.gateway.agent()):
        not_answering(alice, project)
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


def test_the_agent_is_killed_in_the_middle_of_a_session(site, alice, project, door):
    with RawClient(door) as client:
        channel = client.log_in(alice.key).open_session()
        channel.request("exec", True, f"git-upload-pack '{project.path}'")
        assert b"HEAD\0" in channel.read_some().stdout
        os.kill(site.gateway.agent(), signal.SIGKILL)
        answer = channel.read_to_the_end()
    assert answer.exit == 128
    assert CONNECTION_LOST.fullmatch(answer.stderr.decode()), answer
    wait_until(lambda: site.gateway.git_processes() == [], "no git is left behind")


def test_git_is_killed_in_the_middle_of_a_session(site, alice, project, door):
    """A signal is not an exit status: the client must see a failure."""
    with RawClient(door) as client:
        channel = client.log_in(alice.key).open_session()
        channel.request("exec", True, f"git-upload-pack '{project.path}'")
        channel.read_some()
        for pid in site.gateway.git_processes():
            os.kill(pid, signal.SIGKILL)
        answer = channel.read_to_the_end()
    assert answer.exit not in (0, None)
    assert answer.events[-1] == "close"


def test_the_agent_is_killed_in_the_middle_of_a_push(site, alice, project):
    before = project.rev("main")
    project.hook("pre-receive", "sleep 2")
    work = alice.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until(lambda: project.quarantines(), "the push is being received")
    os.kill(site.gateway.agent(), signal.SIGKILL)
    outcome = push.finish(exit=range(256))
    wait_until(lambda: site.gateway.git_processes() == [], "git is over", timeout=10)
    assert outcome.exit != 0 or project.rev("main") == head
    assert project.rev("main") in (before, head)
    project.git("fsck", "--full")
    wait_until(lambda: serves(alice, project), "service is back", timeout=BACK)


def test_the_repository_is_gone_from_the_disk(site, alice, project):
    """The directory says it is there: an outage of the file server's, not a missing repository."""
    project.disk.rename(project.disk.with_name("moved-away"))
    outcome = alice.ssh(f"git-upload-pack '{project.path}'", exit=NONZERO, stdout="")
    assert str(site.state) not in outcome.stderr, "a path of the server is told to a client"


# ---- the request id


def test_the_request_id_that_a_client_is_told_is_in_the_log(site, alice, project):
    with stopped(site.gateway.authz()):
        told = cannot_check(alice, project).stderr
    request = told.rpartition("(request ")[2].rstrip(")\n")
    wait_until(lambda: request in site.gateway.log(), "the log knows the request")


def test_a_hook_and_the_log_know_the_same_request_id(site, alice, project):
    project.hook("pre-receive", 'echo "$GERVE_REQUEST_ID" >"$GIT_DIR/request-id"')
    work = alice.clone(project)
    work.commit()
    work.git("push", "--quiet")
    request = (project.disk / "request-id").read_text().strip()
    wait_until(lambda: request in site.gateway.log(), "the log knows the request")


def test_every_refusal_has_a_line_in_the_log(site, stranger, secret):
    stranger.ssh(f"git-upload-pack '{secret.path}'", exit=1)
    lines = [
        line for line in site.gateway.log().splitlines() if stranger.login in line and secret.path in line
    ]
    assert lines, site.gateway.log()

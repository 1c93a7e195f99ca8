"""What the trail tells of a push, ref by ref, against what is in the repository afterwards."""

import os
import re
import signal
import sqlite3

import pytest

from harness.audit import events
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.push_book import REFUSED, TAKEN, Book

pytestmark = pytest.mark.both_doors

AUTHOR = ("-c", "user.name=alice", "-c", "user.email=alice@example.org")


@pytest.fixture
def work(alice, project):
    return alice.clone(project, into="work")


@pytest.fixture
def book(site, project):
    return Book(site, project)


def forced(work) -> str:
    """Another end of main, which is no fast-forward."""
    work.git("commit", "--quiet", "--amend", "--message", "Another end")
    return work.rev("HEAD")


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_what_git_takes_is_told_with_both_objects(book, work, project, protocol):
    version = ("-c", f"protocol.version={protocol}")
    push = lambda *words: book.after(lambda: work.git(*version, "push", *words))
    old, new = project.rev("main"), work.commit("more")
    told = push("origin", "main")
    assert told.changes == [{"ref": "refs/heads/main", "kind": "update", "old": old, "new": new, "outcome": TAKEN}]
    assert push("origin", "main:refs/heads/feature").row("refs/heads/feature") == ("create", TAKEN)
    forced(work)
    assert push("--force", "origin", "main").row("refs/heads/main") == ("forced-update", TAKEN)
    assert push("origin", ":feature").row("refs/heads/feature") == ("delete", TAKEN)
    assert push("origin", "main").changes == []  # everything is there already


def test_tags_are_told_like_branches(book, work):
    work.git("tag", "light")
    work.git("tag", "--annotate", "--message", "Heavy", "heavy")
    told = book.push(work, "--tags")
    assert {change["ref"]: change["kind"] for change in told.changes} == {
        "refs/tags/heavy": "create", "refs/tags/light": "create"}
    work.commit("more")
    work.git("tag", "--force", "light")
    work.git("tag", "--force", "--annotate", "--message", "Heavier", "heavy")
    told = book.push(work, "--force", "--tags")
    assert told.row("refs/tags/light") == ("update", TAKEN)
    assert told.row("refs/tags/heavy") == ("update", TAKEN)


def test_one_push_of_every_kind(book, work, project):
    base = project.rev("main")
    for name in ("old", "moves", "rewound"):
        work.git("push", "--quiet", "origin", f"main:{name}")
    book = Book(book.site, project)
    work.commit("one")
    told = book.push(work, "--force", "origin", "main", "main:moves", "main:new", ":old", f"{base}:refs/heads/same")
    assert {change["ref"]: (change["kind"], change["outcome"]) for change in told.changes} == {
        "refs/heads/main": ("update", TAKEN), "refs/heads/moves": ("update", TAKEN), "refs/heads/new": ("create", TAKEN),
        "refs/heads/old": ("delete", TAKEN), "refs/heads/same": ("create", TAKEN)}


def test_of_many_updates_each_is_told_whether_it_was_forced(book, work, project):
    tips = [work.commit(f"step-{number}") for number in range(3)]
    plan = {}
    for number in range(40):
        name = f"b{number}"
        plan[name] = number % 4 == 0
        work.git("update-ref", f"refs/heads/{name}", tips[2] if plan[name] else tips[number % 2])
    names = [f"refs/heads/{name}" for name in plan]
    work.git("push", "--quiet", "origin", *names)
    book = Book(book.site, project)
    for name, is_forced in plan.items():
        work.git("update-ref", f"refs/heads/{name}", tips[0] if is_forced else tips[2])
    told = book.push(work, "--force", "--quiet", "origin", *names)
    kinds = {change["ref"].removeprefix("refs/heads/"): change["kind"] for change in told.changes}
    assert kinds == {name: "forced-update" if is_forced else "update" for name, is_forced in plan.items()}


@pytest.mark.parametrize("hook, script, why", [
    ("pre-receive", "exit 1", "pre-receive hook declined"),
    ("update", "exit 1", "hook declined"),
])
def test_a_hook_that_declines_is_the_reason(book, work, project, hook, script, why):
    project.hook(hook, script)
    work.commit("more")
    told = book.push(work, "origin", "main", exit=1)
    assert told.row("refs/heads/main") == ("update", REFUSED)
    assert re.search(why, told.why("refs/heads/main"))
    assert told.session["exit"] == 0 and told.session["ended"] == "declined"


def test_a_hook_that_makes_git_give_up_before_its_report(book, work, project):
    project.hook("reference-transaction", '[ "$1" != prepared ]')
    work.commit("more")
    told = book.after(lambda: work.git("push", "origin", "main", exit=128), settled=True)
    assert told.row("refs/heads/main") == ("update", REFUSED)
    assert told.session["git_said"] == "fatal: ref updates aborted by hook"


def test_one_ref_of_three_is_declined(book, work, project):
    project.hook("update", '[ "$1" != refs/heads/forbidden ]')
    work.commit("more")
    told = book.push(work, "origin", "main", "main:forbidden", "main:free", exit=1)
    assert told.session["push"] == "partly" and told.session["ended"] == "exit"
    assert told.row("refs/heads/forbidden") == ("create", REFUSED)
    told = book.push(work, "--atomic", "origin", "main:forbidden", "main:freedom", exit=1)
    assert told.session["push"] == "refused"
    assert "atomic" in told.why("refs/heads/freedom")


@pytest.mark.parametrize("key, value, words, ref, why", [
    ("receive.denyNonFastForwards", "true", ("--force", "origin", "main"), "refs/heads/main", "non-fast-forward"),
    ("receive.denyDeletes", "true", ("origin", ":feature"), "refs/heads/feature", "deletion prohibited"),
    ("receive.hideRefs", "refs/secret", ("origin", "main:refs/secret/x"), "refs/secret/x", "deny updating a hidden ref"),
    ("receive.maxInputSize", "1k", ("origin", "main:large"), "refs/heads/large", "unpacker error"),
    ("receive.fsckObjects", "true", ("origin", "broken:broken"), "refs/heads/broken", "unpacker error"),
])
def test_what_the_configuration_forbids_is_the_reason(book, work, project, key, value, words, ref, why):
    work.git("push", "--quiet", "origin", "main:feature")
    (work.cwd / "large").write_bytes(bytes(range(256)) * 400)
    blob = work.git("hash-object", "-w", "large").stdout.strip()
    tree = work.run("sh", "-c", f"printf '100644 blob {blob}\\t.git\\n' | git mktree").stdout.strip()
    broken = work.git("commit-tree", "-m", "Broken", tree).stdout.strip()
    work.git("update-ref", "refs/heads/broken", broken)
    forced(work)
    if "large" in ref:
        work.run("sh", "-c", "head -c 9000 /dev/urandom >big")
        work.git("add", "big")
        work.git("commit", "--quiet", "--message", "Big")
    project.configure(key, value)
    told = Book(book.site, project).push(work, *words, exit=1)
    assert told.row(ref)[1] == REFUSED
    assert why in told.why(ref)
    assert told.session["push"] == "refused"


def test_a_lock_that_a_crash_left_is_the_reason(book, work, project):
    (project.disk / "refs/heads/main.lock").touch()
    work.commit("more")
    told = book.push(work, "origin", "main", exit=1)
    assert told.row("refs/heads/main") == ("update", REFUSED)
    assert told.why("refs/heads/main")
    assert "main.lock" in told.session["git_said"]


def test_a_ref_that_somebody_else_moved_meanwhile(book, work, project):
    """Not compared with the repository as a whole: the other change there is nobody's push."""
    old = project.rev("main")
    other = project.git(*AUTHOR, "commit-tree", "-m", "faster", "-p", old, f"{old}^{{tree}}")
    project.hook("update", f'env -u GIT_QUARANTINE_PATH git update-ref "$1" {other} {old}')
    work.commit("slower")
    work.git("push", "origin", "main", exit=1)
    session = book.next_session()
    (event,) = events(book.site, "--request", session["request"], "--event", "push")
    assert [change["outcome"] for change in event["refs"]] == [REFUSED]
    assert project.rev("main") == other


def test_push_options_are_counted_and_a_signed_push_is_marked(book, work, project, alice):
    project.configure("receive.advertisePushOptions", "true")
    project.configure("receive.certNonceSeed", "seed")
    work.commit("more")
    told = book.push(work, "-o", "ci.skip", "-o", "reviewer=carol", "origin", "main")
    assert told.session["push_options"] == 2
    assert "signed" not in told.session
    work.commit("again")
    told = book.after(lambda: work.git("-c", "gpg.format=ssh", "-c", f"user.signingKey={alice.key.private}", "push",
                                       "--signed", "origin", "main", "main:also"))
    assert told.session["signed"] is True
    assert [change["ref"] for change in told.changes] == ["refs/heads/main", "refs/heads/also"]


@pytest.mark.parametrize("hook, script, taken", [
    ("pre-receive", "kill -9 $PPID", False),
    ("reference-transaction", '[ "$1" != prepared ] || kill -9 $PPID', False),
    ("reference-transaction", '[ "$1" != committed ] || kill -9 $PPID', True),
    ("post-receive", "kill -9 $PPID", None),  # git reports before it runs this one
])
def test_a_git_that_is_killed_is_settled_from_the_repository(book, work, project, hook, script, taken):
    project.hook(hook, script)
    work.commit("more")
    told = book.after(lambda: work.git("push", "origin", "main", "main:new", exit=(0, *NONZERO)), settled=taken is not None)
    outcome = REFUSED if taken is False else TAKEN
    assert told.row("refs/heads/main") == ("update", outcome)
    assert told.row("refs/heads/new")[0] == "create"
    assert told.session["exit"] == 137


def test_a_client_that_leaves_while_a_hook_runs(book, work, project):
    """git finishes the push, and the trail says so."""
    project.hook("pre-receive", 'touch "$GIT_DIR/began"; sleep 2')
    work.commit("more")

    def push():
        running = work.start("git", "push", "--quiet", "origin", "main")
        wait_until((project.disk / "began").exists, "the hook runs")
        running.kill()
        wait_until(lambda: project.rev("main") == work.rev("HEAD"), "git has finished", timeout=20)

    told = book.after(push)
    assert told.row("refs/heads/main") == ("update", TAKEN)
    assert told.session["ended"] == "client-gone" and told.session["exit"] == 0


def test_a_thousand_refs_come_in_parts(book, work, project):
    head = work.rev("HEAD")
    names = [f"refs/heads/many/{number:04}" for number in range(1000)]
    work.run("git", "update-ref", "--stdin", input="".join(f"create {name} {head}\n" for name in names).encode())
    told = book.push(work, "--quiet", "origin", "refs/heads/many/*:refs/heads/many/*")
    assert [change["ref"] for change in told.changes] == names
    assert told.session["refs_taken"] == 1000


@pytest.mark.parametrize("options, facts", [
    ((), {"clone": True}),
    (("--depth=1",), {"clone": True, "shallow": True}),
    (("--filter=blob:none", "--no-checkout"), {"clone": True, "partial": True}),
])
@pytest.mark.parametrize("protocol", [0, 2])
def test_what_a_fetch_took_is_told(site, alice, project, options, facts, protocol):
    project.configure("uploadpack.allowFilter", "true")
    alice.git("-c", f"protocol.version={protocol}", "clone", "--quiet", *options, project.url, "copy")
    copy = alice.at("copy")

    def last() -> dict:
        found = events(site, "--repo", project.path, "--event", "session")
        return [event for event in found if event["service"] == "git-upload-pack"][-1]

    told = wait_until(lambda: last().get("wants") and last(), "it is on record")
    assert {name: told[name] for name in ("clone", "shallow", "partial") if name in told} == facts
    assert told["wants"] >= 1
    requests = len(events(site, "--repo", project.path, "--event", "session"))
    copy.git("fetch", "--quiet")
    wait_until(lambda: len(events(site, "--repo", project.path, "--event", "session")) > requests, "it is on record")
    assert last()["wants"] == 0 and "clone" not in last()


def test_an_administrator_finds_who_moved_a_branch(site, book, work, alice, project):
    forced_to = forced(work)
    book.push(work, "--force", "origin", "main", "main:feature")
    book.push(work, "origin", ":feature")
    shown = site.gerve("audit", "--repo", project.path, "--ref", "main", "--forced").stdout.splitlines()
    assert len(shown) == 2 and "forced-update refs/heads/main" in shown[1] and alice.login in shown[1]
    shown = site.gerve("audit", "--repo", project.path, "--ref", "feature").stdout.splitlines()
    assert "create refs/heads/feature" in shown[1] and "delete refs/heads/feature" in shown[2]
    (event,) = events(site, "--repo", project.path, "--deleted")
    assert event["refs"][0]["ref"] == "refs/heads/feature"
    assert events(site, "--repo", project.path, "--ref", "refs/heads/none") == []
    history = lambda *words: site.gerve_json("repo", "history", project.path, *words, "--json")
    entries = wait_until(lambda: (found := history()) and len(found) == 4 and found, "the table has them")
    assert [(one["ref"], one["kind"]) for one in entries] == [
        ("refs/heads/feature", "delete"), ("refs/heads/main", "forced-update"), ("refs/heads/feature", "create"),
        ("refs/heads/main", "create")]
    assert entries[1]["user"] == alice.login and entries[1]["new"] == forced_to
    assert [one["kind"] for one in history("feature")] == ["delete", "create"]
    assert [one["kind"] for one in history("--forced")] == ["forced-update"]
    table = site.gerve("repo", "history", project.path, "main").stdout.splitlines()
    assert len(table) == 3 and forced_to[:10] in table[1]
    assert site.gerve("repo", "history", project.path, "none").stdout == "no pushes\n"


def test_a_history_of_many_pushes_is_read_to_its_end(private_sites):
    site = private_sites()
    alice, project = site.newcomer()
    history = lambda *words: site.gerve_json("repo", "history", project.path, *words)
    (first,) = wait_until(history, "the table has it")
    with sqlite3.connect(site.state / "gerve.db") as database:
        copied = "INSERT INTO audit_events SELECT {} FROM audit_events WHERE kind = 'push' AND seq < 10000"
        columns = [row[1] for row in database.execute("PRAGMA table_info(audit_events)")]
        changed = {"seq": "10000 + ?1", "happened_at": "happened_at + ?1",
                   "body": "replace(body, 'refs/heads/main', 'refs/heads/b' || ?1)"}
        database.executemany(copied.format(", ".join(changed.get(one, one) for one in columns)),
                             [(number,) for number in range(1, 451)])
    database.close()
    names = [entry["ref"] for entry in history("--limit", "1000")]
    assert names == [f"refs/heads/b{number}" for number in range(450, 0, -1)] + [first["ref"]]
    assert [entry["ref"] for entry in history("b7")] == ["refs/heads/b7"]
    assert len(history()) == 100


def test_the_log_of_the_agent_has_a_push_whose_gateway_died(private_sites):
    site = private_sites()
    alice, project = site.newcomer()
    work = alice.clone(project, into="work")
    project.hook("post-receive", "touch began; while [ ! -e go ]; do sleep 0.05; done")
    old, new = project.rev("main"), work.commit("more")
    push = work.start("git", "push", "--quiet", "origin", "main", "main:refs/heads/new")
    wait_until((project.disk / "began").exists, "the refs are updated")
    for worker in site.gateway.workers():
        os.kill(worker, signal.SIGKILL)
    push.finish(exit=NONZERO)
    (project.disk / "go").touch()
    wait_until(lambda: site.gateway.log().count(" agent: ref ") == 2, "the agent has logged the refs")
    lines = [line for line in site.gateway.log().splitlines() if " agent: ref " in line]
    assert f"ref=refs/heads/main kind=update old={old} new={new} outcome=taken" in lines[0]
    assert f"ref=refs/heads/new kind=create old={'0' * 40} new={new} outcome=taken" in lines[1]

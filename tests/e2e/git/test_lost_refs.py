"""What a deletion or a forced push took away: kept against git gc, hidden from clients, and restored."""

import os
import re
from pathlib import Path

import pytest

from harness.audit import events
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.push_book import Book, refs
from harness.site import Repository

LOST = "refs/gerve/lost"

CONFIG = """\
state = "{{state}}"
listen.ssh = ["127.0.0.1:{{port}}"]

[repositories]
keep_lost = "{time}"
"""


@pytest.fixture
def work(alice, project):
    return alice.clone(project, into="work")


def entries(project) -> list[str]:
    """The objects in the reflog of what was lost, but for the empty tree that each entry returns to."""
    log = project.disk / "logs" / LOST
    if not log.exists():
        return []
    named = [line.split(" ")[1] for line in log.read_text().splitlines()]
    return [one for one in named if project.git("cat-file", "-t", one).strip() != "tree"]


def age(project) -> None:
    """Everything in the repository was written years ago."""
    for file in (project.disk / "objects").rglob("*"):
        os.utime(file, (1_500_000_000, 1_500_000_000))


def collect(project) -> None:
    """As cron would."""
    age(project)
    project.git("-c", "gc.reflogExpire=now", "-c", "gc.reflogExpireUnreachable=now", "gc", "--quiet", "--prune=now")


def objects(project) -> list[str]:
    return project.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()


def has(project, object_id: str) -> bool:
    return object_id in objects(project)


def lose(work, name: str = "feature") -> str:
    """A commit that only a deleted branch had."""
    work.git("checkout", "--quiet", "-B", name)
    lost = work.commit(f"work on {name}")
    work.git("push", "--quiet", "origin", name)
    work.git("push", "--quiet", "origin", f":{name}")
    work.git("checkout", "--quiet", "main")
    return lost


@pytest.mark.both_doors
def test_a_deleted_branch_outlives_gc_and_comes_back(site, alice, work, project):
    lost = lose(work)
    collect(project)
    assert has(project, lost)
    told = wait_until(lambda: (done := site.gerve("repo", "restore-ref", project.path, "feature", exit=(0, *NONZERO))).exit == 0
                      and done.stdout.splitlines(), "the trail has the deletion")
    assert told[0].startswith(f"refs/heads/feature was deleted by {alice.login} at 20")
    assert told[1] == f"refs/heads/feature of {project.path} now points to {lost} (before: no such ref)"
    work.git("fetch", "--quiet", "origin")
    assert work.rev("refs/remotes/origin/feature") == lost
    event = events(site, "--event", "admin", "--repo", project.path)[-1]
    assert event["command"] == "repo restore-ref" and event["done"] is True
    assert event["details"] == {"repo": project.path, "ref": "refs/heads/feature", "before": "0" * 40, "after": lost}


@pytest.mark.both_doors
def test_what_was_forced_away_comes_back_and_what_came_instead_is_kept(site, alice, work, project):
    first = work.commit("first")
    work.git("push", "--quiet", "origin", "main")
    work.git("commit", "--quiet", "--amend", "--message", "other")
    other = work.rev("HEAD")
    work.git("push", "--quiet", "--force", "origin", "main")
    assert entries(project) == [first]
    collect(project)
    told = wait_until(lambda: (done := site.gerve("repo", "restore-ref", project.path, "main", exit=(0, *NONZERO))).exit == 0
                      and done.stdout, "the trail has the push")
    assert f"now points to {first} (before: {other})" in told and "was force-pushed by" in told
    assert project.rev("main") == first and entries(project) == [first, other]
    collect(project)
    site.gerve("repo", "restore-ref", project.path, "main", other[:8])
    assert project.rev("main") == other


def test_an_annotated_tag_is_kept_as_such(site, work, project):
    work.git("tag", "--annotate", "--message", "Heavy", "v1")
    tag = work.rev("v1")
    work.git("push", "--quiet", "origin", "v1")
    work.git("push", "--quiet", "origin", ":refs/tags/v1")
    collect(project)
    site.gerve("repo", "restore-ref", project.path, "refs/tags/v1", tag)
    assert project.git("cat-file", "-t", "refs/tags/v1").strip() == "tag"
    refused = site.gerve("repo", "restore-ref", project.path, "v1", tag, exit=1).stderr
    assert f"a branch must point to a commit, and {tag} is a tag" in refused


def test_a_thousand_deletions_are_kept_at_once(work, project):
    tree = work.git("rev-parse", "HEAD^{tree}").stdout.strip()
    tips = [work.git("commit-tree", "-m", f"tip {number}", tree).stdout.strip() for number in range(1000)]
    names = [f"refs/heads/b{number}" for number in range(1000)]
    for name, tip in zip(names, tips):
        work.git("update-ref", name, tip)
    work.git("push", "--quiet", "origin", *names)
    work.git("push", "--quiet", "origin", *[f":{name}" for name in names])
    assert set(refs(project)) == {"refs/heads/main"}
    collect(project)
    assert set(tips) <= set(objects(project))


@pytest.mark.parametrize("named", ["1" * 40, "0" * 40])
def test_a_deletion_that_names_another_object_hides_nothing(site, alice, work, project, named):
    work.git("checkout", "--quiet", "-b", "feature")
    lost = work.commit("feature")
    work.git("push", "--quiet", "origin", "feature")
    line = f"{named} {'0' * 40} refs/heads/feature\0 report-status".encode()
    push = b"%04x" % (len(line) + 4) + line + b"0000"
    assert b"ok refs/heads/feature" in alice.run(*alice.ssh_argv(f"git-receive-pack '{project.path}.git'"), input=push).stdout_bytes
    collect(project)
    assert has(project, lost)
    (entry,) = wait_until(lambda: site.gerve_json("repo", "history", project.path, "feature", "--deleted"), "it is on record")
    assert entry["old"] == lost


def test_a_tag_that_is_named_like_a_branch_does_not_stand_in_its_way(site, work, project):
    lost = lose(work)
    work.git("push", "--quiet", "origin", "main:refs/tags/refs/heads/feature")
    site.gerve("repo", "restore-ref", project.path, "feature", lost)
    assert project.rev("refs/heads/feature") == lost


def test_a_symbolic_ref_is_not_restored_in_place_of_its_target(site, work, project):
    project.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    refused = site.gerve("repo", "restore-ref", project.path, "alias", project.rev("main"), exit=1).stderr
    assert "refs/heads/alias is a symbolic ref to refs/heads/main: restore that one" in refused


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_clients_neither_see_nor_change_the_refs_of_gerve(work, project, protocol):
    lose(work)
    version = ("-c", f"protocol.version={protocol}")
    assert "refs/gerve" not in work.git(*version, "ls-remote", "origin").stdout
    assert "couldn't find remote ref" in work.git(*version, "fetch", "origin", LOST, exit=128).stderr
    for target in (f"main:{LOST}", "main:refs/gerve/mine", f":{LOST}"):
        assert "a hidden ref" in work.git(*version, "push", "origin", target, exit=1).stderr
    work.git(*version, "clone", "--quiet", "--mirror", project.url, "mirror")
    assert "gerve" not in work.at("mirror").git("for-each-ref").stdout
    archived = work.git("archive", f"--remote={project.url}", LOST, exit=(0, *NONZERO))
    assert archived.exit != 0 or "work" not in archived.stdout


def test_reflogs_name_the_pusher_and_the_request(site, alice, work, project):
    book = Book(site, project)
    work.commit("more")
    request = book.push(work, "origin", "main").session["request"]
    last = (project.disk / "logs/refs/heads/main").read_text().splitlines()[-1]
    assert f" {alice.login} <{request}> " in last and last.endswith("\tpush")


def test_what_a_repository_has_decided_stands(work, project):
    project.configure("core.logAllRefUpdates", "false")
    work.git("push", "--quiet", "origin", "main:more")
    assert not (project.disk / "logs/refs/heads/more").exists()


def test_entries_go_when_they_are_old(work, project):
    lost = lose(work)
    log = project.disk / "logs" / LOST
    old = [line.split(" <")[0] + " <x> 1500000000 +0000\tpush\n" for line in log.read_text().splitlines()]
    log.write_text("".join(old))
    collect(project)
    assert not has(project, lost)


def test_a_secret_is_removed_as_the_manual_says(site, work, project):
    lost = [lose(work, f"secret-{number}") for number in range(10)]  # so many that they are bundled
    manual = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    (recipe,) = re.findall(r"```sh\n(git update-ref -d refs/gerve/lost .*)\n```", manual)
    for command in recipe.split(" && "):
        project.git(*command.split()[1:])
    assert not set(lost) & set(objects(project))


def test_the_time_is_a_setting(private_sites):
    site = private_sites(config=CONFIG.format(time="30d"))
    alice, project = site.newcomer()
    work = alice.clone(project, into="work")
    lose(work)
    assert project.git("config", f"gc.{LOST}.reflogExpireUnreachable").strip() == "30.days.ago"
    assert project.git("config", f"gc.{LOST}.reflogExpire").strip() == "30.days.ago"


def test_nothing_is_kept_where_that_is_switched_off(private_sites):
    site = private_sites(config=CONFIG.format(time="0s"))
    alice, project = site.newcomer()
    lost = lose(alice.clone(project, into="work"))
    assert entries(project) == [] and not (project.disk / "logs/refs").exists()
    collect(project)
    assert not has(project, lost)
    assert "does not have object" in site.gerve("repo", "restore-ref", project.path, "x", lost, exit=1).stderr


def test_a_repository_of_sha256(site, alice):
    site.gerve("repo", "create", f"{alice.login}/modern", "--object-format", "sha256")
    project = Repository(alice.login, "modern", site.state)
    work = alice.at("work")
    alice.git("init", "--quiet", "--object-format=sha256", "--initial-branch=main", "work")
    work.git("remote", "add", "origin", project.url)
    work.commit("first")
    work.git("push", "--quiet", "origin", "main")
    lost = lose(work)
    collect(project)
    assert len(lost) == 64 and lost in site.gerve("repo", "restore-ref", project.path, "feature", lost).stdout


@pytest.mark.parametrize("words, why", [
    (("nothing",), "the audit trail has no push that deleted or force-pushed nothing in"),
    (("main", "0123456789"), "the repository does not have object 0123456789 (or no longer has it)"),
    (("refs/gerve/lost", "0123456789"), "refs/gerve/lost is one of Gerve's own refs"),
    (("refs/gerve", "0123456789"), "refs/gerve is one of Gerve's own refs"),
    (("refs/heads/a..b", "0123456789"), "refs/heads/a..b is not a valid ref name"),
])
def test_what_cannot_be_restored_is_refused_with_the_reason(site, project, words, why):
    assert why in site.gerve("repo", "restore-ref", project.path, *words, exit=1).stderr


def test_a_wrong_object_id_is_a_wrong_usage(site, project):
    refused = site.gerve("repo", "restore-ref", project.path, "main", "HEAD", exit=2).stderr
    assert "must be an object id, or at least its first four digits" in refused


@pytest.mark.parametrize("serving", [True, False])
def test_it_is_restored_while_the_gateway_rests(private_sites, serving):
    site = private_sites()
    alice, project = site.newcomer()
    lost = lose(alice.clone(project, into="work"))
    if not serving:
        site.gateway.stop()
    site.gerve("repo", "restore-ref", project.path, "feature", lost)
    assert project.rev("feature") == lost


def packs(project) -> int:
    return len(list((project.disk / "objects/pack").glob("*.pack")))


def make_packs(work, project, count: int) -> None:
    project.configure("receive.unpackLimit", "1")
    for number in range(count):
        work.commit(f"pack {number}")
        project.git("-c", "gc.auto=0", "fetch", "--quiet", str(work.cwd), "main:refs/heads/many")
        project.git("repack", "--quiet", "-d")


def test_garbage_is_collected_when_a_push_has_ended(work, project):
    make_packs(work, project, 52)
    assert packs(project) > 50
    work.commit("more")
    work.git("push", "--quiet", "origin", "main")
    wait_until(lambda: packs(project) < 5, "git gc has run", timeout=60)


def test_the_collection_that_a_deletion_sets_off_keeps_what_it_deletes(work, project):
    work.git("checkout", "--quiet", "-b", "feature")
    lost = work.commit("feature")
    work.git("push", "--quiet", "origin", "feature")
    work.git("checkout", "--quiet", "main")
    make_packs(work, project, 52)
    age(project)
    work.git("push", "--quiet", "origin", ":feature")
    wait_until(lambda: packs(project) < 5, "git gc has run", timeout=60)
    wait_until(lambda: not (project.disk / "gc.pid").exists(), "git gc has ended")
    assert has(project, lost)


def test_no_garbage_is_collected_where_the_repository_says_so(site, alice, work, project):
    make_packs(work, project, 52)
    project.configure("receive.autogc", "false")
    before = packs(project)
    work.commit("more")
    work.git("push", "--quiet", "origin", "main")
    other = site.repository(alice, "other")  # its collection begins behind that of the first, if there is one
    alice.publish(other)
    again = alice.clone(other, into="again")
    make_packs(again, other, 52)
    again.commit("more")
    again.git("push", "--quiet", "origin", "main")
    wait_until(lambda: packs(other) < 5, "git gc has run in the other", timeout=60)
    assert packs(project) >= before and not (project.disk / "gc.pid").exists()

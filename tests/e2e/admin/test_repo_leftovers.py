"""gerve repo fsck: what a crash left in a repository, and what keeps git from writing."""

import os
import shutil

import pytest

from harness.audit import events
from harness.processes import wait_until

LEFT = {
    "refs/heads/main.lock": "a lock that no process holds",
    "HEAD.lock": "a lock that no process holds",
    "packed-refs.lock": "a lock that no process holds",
    "objects/pack/tmp_pack_x": "a pack that was never finished",
    "objects/ab/tmp_obj_x": "an object that was never finished",
    "objects/tmp_objdir-incoming-x/pack/x": "data of a push that ended early",
}


def after_a_crash(private_sites, serving: bool):
    """A site with a repository in which all of LEFT was left."""
    site = private_sites()
    alice, repository = site.newcomer()
    if not serving:
        site.gateway.stop()
    for name in LEFT:
        file = repository.disk / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return site, alice, repository


@pytest.mark.parametrize("serving", [True, False])
def test_what_a_crash_left_is_told(private_sites, serving):
    site, _, repository = after_a_crash(private_sites, serving)
    told = site.gerve("repo", "fsck", repository.path, exit=1).stdout.splitlines()
    assert told[0] == f"{repository.path}: not sound (status 1)"
    lines = {line.strip() for line in told[1:]}
    for name, what in LEFT.items():
        place = name.removesuffix("/pack/x")
        assert f"{place}: {what}; remove it, or run fsck with --repair" in lines
        file = repository.disk / place
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    assert site.gerve("repo", "fsck", repository.path).stdout == f"{repository.path}: sound\n"


def test_the_locks_of_a_push_that_runs_are_not_told(site, alice, project):
    work = alice.clone(project, into="work")
    project.hook("reference-transaction", 'if [ "$1" = prepared ]; then touch began; while [ ! -e go ]; do sleep 0.05; done; fi')
    work.commit("more")
    push = work.start("git", "push", "--quiet", "origin", "main")
    wait_until((project.disk / "began").exists, "the transaction is prepared")
    assert (project.disk / "refs/heads/main.lock").exists()
    assert site.gerve("repo", "fsck", project.path).stdout == f"{project.path}: sound\n"
    (project.disk / "go").touch()
    push.finish()




@pytest.mark.parametrize("serving", [True, False])
def test_what_a_crash_left_is_removed_on_request(private_sites, serving):
    site, alice, repository = after_a_crash(private_sites, serving)
    told = site.gerve("repo", "fsck", "--repair", repository.path, exit=1).stdout
    assert told.count("not removed, because it is younger than ten minutes") == len(LEFT)
    for name in LEFT:
        place = repository.disk / name.removesuffix("/pack/x")
        for one in (place, *place.rglob("*")):
            os.utime(one, (1_700_000_000, 1_700_000_000))
    lines = site.gerve("repo", "fsck", "--repair", repository.path).stdout.splitlines()
    assert lines[0] == f"{repository.path}: sound"
    for name, what in LEFT.items():
        place = name.removesuffix("/pack/x")
        assert f"  {place}: {what}; removed" in lines and not (repository.disk / place).exists()
    assert site.gerve("repo", "fsck", repository.path).stdout == f"{repository.path}: sound\n"
    done = [event["done"] for event in events(site, "--event", "admin", "--repo", repository.path)
            if event["command"] == "repo fsck"]
    assert done == [False, True]
    assert alice.git("ls-remote", repository.url).stdout if serving else True


def test_what_only_looks_like_a_lock_stays(site, alice, project):
    files = ["hooks/yarn.lock", "hooks/state.lock/file", "refs/heads/odd.lock/file", "description.txt.lock"]
    for name in files:
        file = project.disk / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (1_700_000_000, 1_700_000_000))
        os.utime(file.parent, (1_700_000_000, 1_700_000_000))
    (project.disk / "logs/refs/heads").mkdir(parents=True, exist_ok=True)
    site.gerve("repo", "fsck", "--repair", project.path, exit=(0, 1))
    assert all((project.disk / name).exists() for name in files)


def test_a_quarantine_in_which_something_is_young_stays(site, alice, project):
    pack = project.disk / "objects/tmp_objdir-incoming-x/pack/x"
    pack.parent.mkdir(parents=True)
    pack.touch()
    os.utime(project.disk / "objects/tmp_objdir-incoming-x", (1_700_000_000, 1_700_000_000))
    told = site.gerve("repo", "fsck", "--repair", project.path, exit=1).stdout
    assert "not removed, because it is younger than ten minutes" in told and pack.exists()


def test_nothing_is_removed_while_git_collects_garbage(site, alice, project):
    lock = project.disk / "gc.log.lock"
    lock.touch()
    os.utime(lock, (1_700_000_000, 1_700_000_000))
    (project.disk / "gc.pid").write_text("1 elsewhere")
    told = site.gerve("repo", "fsck", "--repair", project.path).stdout
    assert told == f"{project.path}: sound\n  nothing was removed, because a git process works here\n"
    assert lock.exists()


def test_nothing_of_a_push_that_runs_is_removed(site, alice, project):
    work = alice.clone(project, into="work")
    project.hook("reference-transaction", 'if [ "$1" = prepared ]; then touch began; while [ ! -e go ]; do sleep 0.05; done; fi')
    work.commit("more")
    push = work.start("git", "push", "--quiet", "origin", "main")
    wait_until((project.disk / "began").exists, "the transaction is prepared")
    lock = project.disk / "refs/heads/main.lock"
    os.utime(lock, (1_700_000_000, 1_700_000_000))
    told = site.gerve("repo", "fsck", "--repair", project.path).stdout
    assert told == f"{project.path}: sound\n  nothing was removed, because a git process works here\n"
    assert lock.exists()
    (project.disk / "go").touch()
    push.finish()
    assert project.rev("main") == work.rev("main")

"""Limits on the size of a push, of a repository and of an owner."""

import os

import pytest

from harness.audit import events
from harness.processes import wait_until

CONFIG = """\
state = "{{state}}"
listen.ssh = ["127.0.0.1:{{port}}"]

[repositories]
{limits}
"""

MIB = 1 << 20


@pytest.fixture
def place(private_sites):
    """Makes a site with these limits, and in it somebody with a repository and a clone of it."""

    def make(limits: str):
        site = private_sites(config=CONFIG.format(limits=limits))
        alice, project = site.newcomer()
        return site, alice, project, alice.clone(project, into="work")

    return make


def add(work, size: int, name: str = "large") -> None:
    """A commit whose pack has about this size."""
    (work.cwd / name).write_bytes(os.urandom(size))
    work.git("add", name)
    work.git("commit", "--quiet", "--message", name)


def is_clean(project) -> bool:
    return not project.quarantines() and not list((project.disk / "objects/pack").glob("tmp_*"))


@pytest.mark.parametrize("options", [(), ("--quiet",), ("--atomic",)])
def test_a_push_that_is_too_large_is_refused_and_leaves_nothing(place, options):
    site, alice, project, work = place('max_push = "1MiB"')
    before = project.rev("main")
    add(work, 3 * MIB)
    refused = work.git("push", *options, "origin", "main", exit=1).stderr
    assert (f"ERROR: This push is larger than 1.0 MiB, the limit for one push to {project.path}. Push in parts, an "
            "earlier commit first: git push origin COMMIT:refs/heads/BRANCH\n") in refused
    assert project.rev("main") == before and is_clean(project)
    event = wait_until(lambda: (found := events(site, "--repo", project.path, "--event", "session")) and
                       found[-1]["service"] == "git-receive-pack" and found[-1].get("push") == "refused" and found[-1],
                       "it is on record")
    assert event["exit"] == 73 and event["ended"] == "declined" and "maximum allowed size" in event["git_said"]
    work.git("reset", "--quiet", "--hard", "HEAD~")
    add(work, MIB // 2)
    work.git("push", "--quiet", "origin", "main")


def test_a_full_repository_accepts_no_object(place):
    site, alice, project, work = place('max_size = "2MiB"')
    work.git("push", "--quiet", "origin", "main:feature")
    add(work, 3 * MIB // 2)
    work.git("push", "--quiet", "origin", "main")
    full = lambda: "uses" in work.git("push", "origin", "main", exit=(0, 1)).stderr
    add(work, MIB, "more")
    assert full() and project.rev("main") != work.rev("main") and is_clean(project)
    refused = work.git("push", "origin", "main", exit=1).stderr
    assert f"ERROR: {project.path} uses 1." in refused and "MiB of its 2.0 MiB, and this push does not fit." in refused
    work.git("push", "--quiet", "origin", ":feature")
    work.git("push", "--quiet", "origin", "origin/main:refs/heads/again")  # no objects
    (size,) = site.gerve_json("repo", "size", project.path)
    assert size["limit"] == 2 * MIB and MIB < size["bytes"] < 2 * MIB
    assert "LIMIT" in (table := site.gerve("repo", "size", project.path).stdout) and "2.0 MiB" in table


def test_a_small_pack_cannot_unpack_to_more_than_the_limit(place):
    site, alice, project, work = place('max_size = "20MiB"')
    base = bytearray(os.urandom(3 * MIB))
    for number in range(30):
        base[number] ^= 1
        (work.cwd / f"f{number}").write_bytes(base)
    work.git("add", ".")
    work.git("commit", "--quiet", "--message", "nearly equal")
    work.git("push", "--quiet", "origin", "main")
    (size,) = site.gerve_json("repo", "size", project.path)
    assert size["bytes"] < 20 * MIB


def test_room_that_was_made_is_noticed(place):
    site, alice, project, work = place('max_size = "2MiB"')
    ballast = project.disk / "ballast"
    ballast.write_bytes(os.urandom(2 * MIB))
    work.commit("measured behind this")
    work.git("push", "--quiet", "origin", "main")
    work.commit("more")
    assert "and this push does not fit" in work.git("push", "origin", "main", exit=1).stderr
    ballast.unlink()
    wait_until(lambda: work.git("push", "origin", "main", exit=(0, 1)).exit == 0, "it is measured again", timeout=20,
               every=1)


def test_all_repositories_of_an_owner_count(place):
    site, alice, project, work = place('max_size_of_owner = "3MiB"')
    other = site.repository(alice, "other")
    add(work, 2 * MIB)
    work.git("push", "--quiet", "origin", "main")
    work.git("remote", "add", "other", other.url)
    refused = work.git("push", "other", "main", exit=1).stderr
    assert f"ERROR: The repositories of {alice.login} use 2." in refused and "MiB of 3.0 MiB" in refused
    bob = site.person("bob")
    own = site.repository(bob)
    bob.publish(own)
    table = site.gerve("repo", "size", "--owner", alice.login).stdout.splitlines()
    assert [line.split()[0] for line in table[1:3]] == sorted([project.path, other.path]) and len(table) == 4
    assert table[3].startswith(f"total of {alice.login} ") and "3.0 MiB" in table[3]


def test_a_lower_limit_of_the_repository_stands(place):
    site, alice, project, work = place('max_push = "10MiB"')
    project.configure("receive.maxInputSize", "1m")
    add(work, 2 * MIB)
    assert "larger than 1.0 MiB, the limit for one push" in work.git("push", "origin", "main", exit=1).stderr


def test_without_limits_git_speaks_for_itself(site, alice, project):
    work = alice.clone(project, into="work")
    add(work, 2 * MIB)
    work.git("push", "--quiet", "origin", "main")
    (size,) = site.gerve_json("repo", "size", project.path)
    assert size["limit"] is None and size["bytes"] > 2 * MIB


def test_repo_size_wants_repositories_or_an_owner(site, alice, project):
    for words in ((), (project.path, "--owner", alice.login)):
        assert "give repositories, or an owner with --owner" in site.gerve("repo", "size", *words, exit=2).stderr


def test_a_size_without_its_unit_is_refused(private_sites):
    site = private_sites(config=CONFIG.format(limits='max_push = 1000\nmax_size = "10GB"'), start=False)
    told = site.gerve("check", exit=2)
    said = told.stdout + told.stderr
    assert "repositories.max_push must be a size with its unit (KiB, MiB, GiB or TiB)" in said
    assert "repositories.max_size must be a size with its unit" in said


def test_an_owner_and_a_repository_have_limits_of_their_own(place):
    site, alice, project, work = place('max_push = "1MiB"\nmax_size = "40MiB"')
    add(work, 2 * MIB)
    refusal = "larger than 1.0 MiB, the limit for one push"
    assert refusal in work.git("push", "origin", "main", exit=1).stderr
    assert site.gerve("limit", "set", alice.login, "--max-push", "3MiB", "--max-size-of-owner", "30MiB").stdout == ""
    work.git("push", "--quiet", "origin", "main")
    add(work, 4 * MIB, "larger")
    assert "larger than 3.0 MiB" in work.git("push", "origin", "main", exit=1).stderr
    site.gerve("limit", "set", project.path, "--max-push", "none", "--max-size", "3MiB")
    assert "MiB of its 3.0 MiB" in work.git("push", "origin", "main", exit=1).stderr
    site.gerve("limit", "set", project.path, "--max-size", "none")
    work.git("push", "--quiet", "origin", "main")
    assert [line.split() for line in site.gerve("limit", "show", project.path).stdout.splitlines()[1:]] == [
        ["max_push", "none", project.path], ["max_size", "none", project.path],
        ["max_size_of_owner", "30.0", "MiB", alice.login]]
    assert site.gerve_json("limit", "list") == [
        {"owner": alice.login, "repository": None, "max_push": 3 * MIB, "max_size": None, "max_size_of_owner": 30 * MIB},
        {"owner": alice.login, "repository": project.path, "max_push": 0, "max_size": 0, "max_size_of_owner": None}]
    (size,) = site.gerve_json("repo", "size", project.path)
    assert size["limit"] is None
    assert "30.0 MiB" in site.gerve("repo", "size", "--owner", alice.login).stdout.splitlines()[-1]
    site.gerve("limit", "set", project.path, "--max-push", "default", "--max-size", "default")
    assert site.gerve_json("limit", "show", project.path)["max_push"] == {"bytes": 3 * MIB, "set_for": alice.login}
    assert site.gerve_json("repo", "size", project.path)[0]["limit"] == 40 * MIB
    changes = [event["details"] for event in events(site) if event.get("command") == "limit set"]
    assert [(change["before"], change["after"]) for change in changes] == [
        ("default", "max-push 3MiB, max-size-of-owner 30MiB"), ("default", "max-push none, max-size 3MiB"),
        ("max-push none, max-size 3MiB", "max-push none, max-size none"),
        ("max-push none, max-size none", "default")]


def test_a_limit_that_is_wrong_is_explained(site, alice, project):
    wrong = site.gerve("limit", "set", project.path, "--max-push", "many", exit=2).stderr
    assert "--max-push: must be a size with its unit (KiB, MiB, GiB or TiB) such as 10GiB, or none, or default" in wrong
    assert "give at least one of --max-push" in site.gerve("limit", "set", project.path, exit=2).stderr
    assert "only an owner can have" in site.gerve("limit", "set", project.path, "--max-size-of-owner", "1GiB", exit=1).stderr
    assert "has these limits already" in site.gerve("limit", "set", project.path, "--max-size", "default").stderr

"""gerve repo adopt: what is wrong with a repository, and the remedies."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness.adoption import is_served

NOBODY = 65534


def spoil_owner(place: Path, _old: Path) -> None:
    os.chown(place / "refs/heads/main", NOBODY, NOBODY)


def spoil_head(place: Path, _old: Path) -> None:
    (place / "HEAD").write_text("nothing\n")


def spoil_alternates(place: Path, old: Path) -> None:
    (place / "objects/info").mkdir(exist_ok=True)
    (place / "objects/info/alternates").write_text(f"{old}/other.git/objects\n")


def spoil_link(place: Path, old: Path) -> None:
    shutil.move(place / "objects", old / f"objects-{time.monotonic_ns()}")
    (place / "objects").symlink_to(old)


def spoil_mode(place: Path, _old: Path) -> None:
    (place / "objects").chmod(0o777)


def spoil_writing(place: Path, _old: Path) -> None:
    (place / "refs/heads").chmod(0o555)


def spoil_config(place, _):
    (place / "config").unlink()
    os.mkfifo(place / "config")


def spoil_group(place, _):
    os.chown(place / "refs", -1, 65534)
    (place / "refs").chmod(0o775)


def spoil_fifo(place: Path, _old: Path) -> None:
    os.mkfifo(place / "refs/pipe")


def configure(*words):
    return lambda place, _old: subprocess.run(["git", "config", "--file", place / "config", *words], check=True)


SPOILT = {
    "owner": (spoil_owner, "1 of its files do not belong to root, as whom git runs here (refs/heads/main belongs to "
                           "nobody): `chown -hR root: "),
    "HEAD": (spoil_head, "HEAD is neither a ref nor a commit"),
    "alternates": (spoil_alternates, "it takes objects from another repository (objects/info/alternates): `git -C "),
    "link": (spoil_link, "objects is a symbolic link"),
    "mode": (spoil_mode, "everybody may write to objects in it: `chmod -R o-w "),
    "read-only": (spoil_writing, "git cannot read and write in refs/heads in it: `chmod -R u+rwX "),
    "fifo": (spoil_fifo, "refs/pipe is neither a file nor a directory"),
    "fifo that git reads": (spoil_config, "config is neither a file nor a directory"),
    "group": (spoil_group, "members of another group may write to refs in it: `chown -hR root: "),
    "common directory": (lambda place, _: (place / "commondir").write_text("/srv/other.git\n"), "(commondir)"),
    "partial clone": (configure("remote.origin.promisor", "true"),
                      "it is a partial clone, and lacks objects (remote.origin.promisor in its config)"),
    "work tree": (configure("core.worktree", "/tmp"), "it has a work tree (core.worktree in its config)"),
    "not bare": (configure("core.bare", "false"), "it is not bare (core.bare)"),
    "include": (configure("include.path", "/etc/passwd"), "it includes another file"),
    "include if": (configure("includeIf.gitdir:/.path", "/etc/passwd"), "it includes another file"),
    "format": (configure("core.repositoryformatversion", "9"), "git does not open it: "),
    "config": (lambda place, _: (place / "config").write_text("[core\n"), "git cannot read its config: "),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("what", SPOILT)
def test_what_is_wrong_with_it_is_told_and_nothing_is_changed(house, what):
    spoil, says = SPOILT[what]
    alice = house.owner()
    place = house.lost(alice)
    spoil(place, house.old)
    before = house.listing()
    told = house.gerve("repo", "adopt", f"{alice.login}/site", place, "--dry-run", exit=1)
    assert says in told.stderr and house.listing() == before
    told = house.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1)
    assert f"{alice.login}/site was not adopted, and nothing was changed: " in told.stderr and says in told.stderr
    assert house.listing() == {**before, "trail": before["trail"] + 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_remedies_that_are_told_help(house):
    alice = house.owner()
    house.lies_in(house.old / "other.git")
    place = house.lost(alice)
    for what in ("owner", "mode", "alternates", "work tree", "read-only"):
        SPOILT[what][0](place, house.old)
    configure("include.path", "/dev/null")(place, house.old)
    told = house.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1).stderr
    remedies = told.split("`")[1::2]
    assert len(remedies) == 3, told  # git is not asked before all is the agent's own
    while remedies:
        for remedy in remedies:
            subprocess.run(["sh", "-c", remedy], check=True, env={**os.environ, "HOME": "/nonexistent"})
        told = house.gerve("repo", "adopt", f"{alice.login}/site", place, "--dry-run", exit=(0, 1)).stderr
        remedies = told.split("`")[1::2]
    house.gerve("repo", "adopt", f"{alice.login}/site", place)
    assert is_served(alice, f"{alice.login}/site")

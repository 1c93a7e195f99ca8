"""What HEAD names after pushes, and after `gerve repo set-head`."""

import subprocess

import grv1
import pytest
from conftest import git, wait_until
from test_admin import admin


@pytest.fixture
def work(site):
    """A work tree whose first commit is on the branches main, master, zeta and alpha."""
    site.start()
    assert admin(site, "create")[0] == 0
    made = site.directory / "work"
    git("init", "--quiet", "--initial-branch=main", str(made))
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=made)
    for name in ("master", "zeta", "alpha", "topic/one"):
        git("branch", name, cwd=made)
    return made


def head(site) -> str:
    return (site.root / "mojombo/new.git/HEAD").read_text().removeprefix("ref: refs/heads/").strip()


def push(site, work, *refs, check=True, options=()):
    return site.git("push", *options, "fs:mojombo/new.git", *refs, cwd=work, check=check)


@pytest.mark.parametrize("refs, expected", [
    (["master"], "master"), (["zeta", "master"], "master"), (["master", "main"], "main"), (["zeta"], "zeta"),
    (["zeta", "alpha"], "zeta"), (["alpha", "zeta"], "alpha"), (["topic/one"], "topic/one"), (["zeta:trunk"], "trunk"),
    (["main:refs/tags/v1", "alpha"], "alpha"),
])
def test_the_first_push_chooses_the_default_branch(site, work, refs, expected):
    push(site, work, *refs)
    assert head(site) == expected
    clone = site.directory / "clone"
    site.git("clone", "--quiet", "fs:mojombo/new.git", str(clone))
    assert git("symbolic-ref", "--short", "HEAD", cwd=clone).stdout.strip() == expected
    push(site, work, "main:refs/heads/main", "zeta:refs/heads/another")
    assert head(site) == expected, "only the first one"


@pytest.mark.parametrize("pack", [False, True])
def test_a_later_push_changes_nothing_even_where_head_names_no_branch(site, work, pack):
    bare = site.root / "mojombo/new.git"
    push(site, work, "main")
    git("symbolic-ref", "HEAD", "refs/heads/nowhere", cwd=bare)
    if pack:
        git("pack-refs", "--all", cwd=bare)
    push(site, work, "master")
    assert head(site) == "nowhere"


def test_tags_alone_choose_nothing(site, work):
    push(site, work, "main:refs/tags/v1")
    assert head(site) == "main"
    push(site, work, "zeta")
    assert head(site) == "zeta", "this is the first branch"


@pytest.mark.parametrize("hook, options, kept", [
    ("pre-receive", (), ["master"]), ("update", (), ["master"]), ("update", ("--atomic",), ["zeta", "master"])])
def test_a_refused_push_changes_nothing(site, work, hook, options, kept):
    file = site.root / "mojombo/new.git/hooks" / hook
    file.parent.mkdir()
    file.write_text('#!/bin/sh\n[ "$1" = refs/heads/zeta ] && exit 0\nexit 1\n')
    file.chmod(0o755)
    assert push(site, work, *kept, check=False, options=options).returncode == 1
    assert head(site) == "main"
    if hook == "update":
        push(site, work, "master", "zeta", check=False)
        assert head(site) == "zeta", "of a push that is refused in part, what is there"


def test_a_push_whose_gateway_leaves_chooses_all_the_same(site, work):
    """Everything has arrived, and a hook is still at work when the gateway goes."""
    hooks = site.root / "mojombo/new.git/hooks"
    hooks.mkdir()
    at_work, may_end = site.directory / "at-work", site.directory / "may-end"
    (hooks / "post-receive").write_text(f"#!/bin/sh\ntouch {at_work}\nwhile ! [ -e {may_end} ]; do sleep 0.05; done\n")
    (hooks / "post-receive").chmod(0o755)
    new = git("rev-parse", "zeta", cwd=work).stdout.strip()
    pack = subprocess.run(["git", "-C", str(work), "pack-objects", "--stdout", "--revs"], input=f"{new}\n".encode(),
                          capture_output=True, check=True).stdout
    command = f"{'0' * 40} {new} refs/heads/zeta\0 report-status".encode()
    with site.open(grv1.RECEIVE_PACK, "mojombo/new.git") as session:
        session.write(f"{len(command) + 4:04x}".encode() + command + b"0000" + pack)
        wait_until(at_work.exists, what="the hook")
    may_end.touch()
    wait_until(lambda: head(site) == "zeta", what="the choice")


def test_the_default_branch_is_chosen_by_an_administrator(site, work):
    push(site, work, "main", "zeta", "topic/one")
    assert admin(site, "set-head", argument="zeta") == (0, "main\n", "")
    assert head(site) == "zeta"
    assert admin(site, "set-head", argument="topic/one") == (0, "zeta\n", "")
    assert admin(site, "set-head", argument="none") == (1, "", "mojombo/new has no branch none\n")
    for partial in ("topic", "refs/heads/zeta"):
        assert admin(site, "set-head", argument=partial) == (1, "", f"mojombo/new has no branch {partial}\n")
    for bad in ("", "-d", "a b", "a*", "a\nb", "x" * 2000):
        with pytest.raises(grv1.Failed) as failed:
            admin(site, "set-head", argument=bad)
        assert failed.value.code == grv1.BAD_REQUEST
    assert head(site) == "topic/one"
    with pytest.raises(grv1.Failed) as failed:
        admin(site, "set-head", "mojombo/missing.git", "main")
    assert failed.value.code == grv1.NO_SUCH_REPOSITORY


def test_who_may_not_delete_the_default_branch_reads_how_to_go_about_it(site, work):
    push(site, work, "main", "zeta")
    hint = ("main is the default branch of mojombo/new, and git does not delete the default branch. An "
            "administrator can choose another branch first: gerve repo set-head mojombo/new BRANCH\n")
    refused = push(site, work, ":main", check=False)
    assert refused.returncode == 1 and hint in refused.stderr
    assert hint not in push(site, work, ":zeta").stderr
    push(site, work, "zeta")
    assert admin(site, "set-head", argument="zeta")[0] == 0
    assert "default branch" not in push(site, work, ":main").stderr


@pytest.mark.parametrize("format, length", [("sha1", 40), ("sha256", 64)])
def test_repositories_of_both_object_formats(site, format, length):
    site.start()
    assert admin(site, "create", object_format=format.encode()) == (0, "", "")
    work = site.directory / "work"
    git("init", "--quiet", "--initial-branch=master", f"--object-format={format}", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=work)
    push(site, work, "master")
    assert head(site) == "master", "the commands of a push are read in both"
    clone = site.directory / "clone"
    site.git("clone", "--quiet", "fs:mojombo/new.git", str(clone))
    assert len(git("rev-parse", "HEAD", cwd=clone).stdout.strip()) == length
    assert admin(site, "fsck")[0] == 0
    for fields in ({"admin": b"create", "object_format": b"md5"}, {"admin": b"size", "object_format": b"sha256"}):
        with site.open(grv1.ADMIN, "mojombo/new.git", **fields) as session, pytest.raises(grv1.Failed) as failed:
            session.finish()
        assert failed.value.code == grv1.BAD_REQUEST

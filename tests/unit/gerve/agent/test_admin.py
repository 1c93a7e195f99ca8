"""The admin service: what `gerve repo` asks of a file server."""

import os

import grv1
import pytest
from conftest import git


def admin(site, action: str, path="mojombo/new.git", argument="", **fields):
    with site.open(grv1.ADMIN, path, admin=action.encode(), argument=argument.encode(), **fields) as session:
        session.finish()
        return session.status, session.stdout.decode(), session.stderr.decode()


@pytest.mark.parametrize("layout", ["flat", "md5-owner", "hashed-id"])
def test_a_repository_from_its_beginning_to_its_end(site, layout):
    site.layout = layout
    site.start()
    assert admin(site, "create", repo_id=9) == (0, "", "")
    assert admin(site, "create", repo_id=9) == (1, "", "mojombo/new already exists\n")
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/new.git", str(work), repo_id=9)
    assert git("symbolic-ref", "HEAD", cwd=work).stdout == "refs/heads/main\n"
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=work)
    site.git("push", "--quiet", "--push-option=x", "origin", "HEAD", cwd=work, repo_id=9)
    site.git("clone", "--quiet", "--filter=blob:none", "fs:mojombo/new.git", str(site.directory / "part"), repo_id=9)
    status, size, _ = admin(site, "size", repo_id=9)
    assert status == 0 and int(size) > 1000
    assert admin(site, "fsck", repo_id=9)[0] == 0
    assert admin(site, "rename", argument="defunkt/old.git", repo_id=9) == (0, "", "")
    site.git("fetch", "--quiet", "fs:defunkt/old.git", cwd=work, repo_id=9)
    assert admin(site, "delete", "defunkt/old.git", repo_id=9) == (0, "", "")
    assert site.git("ls-remote", "fs:defunkt/old.git", repo_id=9, check=False).returncode == 128
    left = [name for _, _, files in os.walk(site.root) for name in files]
    assert left == []


def test_what_is_not_there_or_in_the_way(site):
    site.make_repository()
    site.make_repository("mojombo/other.git")
    site.start()
    assert admin(site, "rename", "mojombo/bert.git", "mojombo/other.git") == (1, "", "mojombo/other already exists\n")
    for action in ("size", "fsck", "delete"):
        with pytest.raises(grv1.Failed) as failed:
            admin(site, action, "mojombo/missing.git")
        assert failed.value.code == grv1.NO_SUCH_REPOSITORY
    for argument in ("", "../x.git", "mojombo/x", "/etc/x.git"):
        with pytest.raises(grv1.Failed) as failed:
            admin(site, "rename", "mojombo/bert.git", argument)
        assert failed.value.code == grv1.BAD_REQUEST


def test_fsck_tells_of_damage(site):
    bare = site.make_repository()
    (bare / "refs/heads/broken").write_text("1" * 40 + "\n")
    site.start()
    status, _, errors = admin(site, "fsck", "mojombo/bert.git")
    assert status != 0 and "refs/heads/broken: invalid sha1 pointer" in errors


def test_new_repositories_get_the_templates_hooks(site):
    hooks = site.directory / "template/hooks"
    hooks.mkdir(parents=True)
    (hooks / "update").write_text("#!/bin/sh\necho no updates today\nexit 1\n")
    (hooks / "update").chmod(0o755)
    site.start(f'template = "{hooks.parent}"\n')
    assert admin(site, "create")[0] == 0
    work = site.directory / "work"
    git("init", "--quiet", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=work)
    pushed = site.git("push", "fs:mojombo/new.git", "HEAD:main", cwd=work, check=False)
    assert pushed.returncode == 1 and "no updates today" in pushed.stderr


def test_while_it_administers_others_are_served(site):
    """Twenty creations at once beside a session in progress, all over one agent."""
    site.make_repository()
    site.start()
    running = site.open().until(lambda s: s.stdout.endswith(b"0000"))
    creations = [site.open(grv1.ADMIN, f"mojombo/n{number}.git", admin=b"create") for number in range(20)]
    running.write(b"0000")
    assert running.finish().status == 0
    for session in creations:
        assert session.finish().status == 0
    assert len(os.listdir(site.root / "mojombo")) == 21

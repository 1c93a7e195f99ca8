"""The admin service: what `gerve repo adopt` and `gerve import repositories` ask of a file server."""

import json
import os
import shutil
import time

import grv1
import pytest
from test_admin import admin


@pytest.fixture
def old(site):
    directory = site.directory / "old"
    directory.mkdir()
    return directory


def start(site, old, more=""):
    site.start(f'adopt_from = ["{old}"]\n{more}')


def put(site, place):
    made = site.make_repository("seed/seed.git")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, place)
    made.parent.rmdir()
    return place


@pytest.mark.parametrize("layout", ["flat", "md5-owner", "hashed-id"])
def test_a_directory_becomes_a_repository(site, old, layout):
    site.layout = layout
    place = put(site, old / "bert.git")
    start(site, old)
    status, told, _ = admin(site, "inspect", argument=str(place))
    found = json.loads(told)
    assert status == 0 and found["refusals"] == [] and found["head"] == "refs/heads/main" and place.exists()
    assert admin(site, "adopt", argument=str(place), repo_id=9) == (0, "", "")
    assert not place.exists()
    site.git("clone", "--quiet", "fs:mojombo/new.git", str(site.directory / "work"), repo_id=9)
    status, _, errors = admin(site, "adopt", argument=str(place), repo_id=9)
    assert status == 1 and errors.startswith(f"there is no directory {place}")


def test_without_the_setting_only_the_root_is_open(site, old):
    place = put(site, old / "bert.git")
    site.start()
    for action in ("inspect", "adopt", "inspect-tree"):
        status, _, errors = admin(site, action, argument=str(place))
        assert status == 1 and "nor below an adopt_from of its configuration (which has none)" in errors
    shutil.move(place, site.root / "bert.git")
    assert admin(site, "adopt", argument=str(site.root / "bert.git")) == (0, "", "")


@pytest.mark.parametrize("action,argument", [
    ("inspect", "old"), ("adopt", "../old"), ("adopt", "/old/../x"), ("adopt", "/old\nx"), ("inspect-tree", ""),
    ("inspect-tree", "/old\nzz"), ("inspect-tree", "old"), ("adopt", "/old//x"), ("adopt", "/" + "x" * 5000)])
def test_what_is_no_directory_is_refused(site, action, argument):
    site.start()
    with pytest.raises(grv1.Failed) as failed:
        admin(site, action, argument=argument)
    assert failed.value.code == grv1.BAD_REQUEST


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_it_belongs_to_the_agent_or_is_not_taken(site, old):
    place = put(site, old / "bert.git")
    start(site, old)
    os.chown(place / "HEAD", 65534, 65534)
    status, _, errors = admin(site, "adopt", argument=str(place))
    assert status == 1 and f"`chown -hR root: {place}`" in errors and place.exists()


def test_a_large_tree_comes_in_pages(site, old):
    for number in range(600):
        (old / f"o/{number:03}.git").mkdir(parents=True)
    start(site, old)
    names, argument, pages = [], str(old), 0
    while argument:
        status, told, _ = admin(site, "inspect-tree", argument=argument)
        assert status == 0 and len(told) < 1 << 18
        *lines, last = map(json.loads, told.splitlines())
        names += [line["name"] for line in lines]
        assert all(line["refusals"] for line in lines)
        argument = last["next"] and f"{old}\n{last['next']}"
        pages += 1
    assert names == [f"o/{number:03}.git" for number in range(600)] and pages >= 3


def test_a_link_in_the_tree_leads_nowhere(site, old):
    place = put(site, site.directory / "outside/bert.git")
    (old / "bert.git").symlink_to(place)
    (old / "way").symlink_to(place.parent)
    start(site, old)
    _, told, _ = admin(site, "inspect-tree", argument=str(old))
    *lines, _ = map(json.loads, told.splitlines())
    assert [line["name"] for line in lines] == ["bert.git"] and "symbolic link" in lines[0]["refusals"][0]
    for argument in (old / "bert.git", old / "way/bert.git"):
        status, _, errors = admin(site, "adopt", argument=str(argument))
        assert status == 1 and "symbolic link, which is not followed" in errors
    assert place.exists()


def test_a_wrong_setting_is_told(site, old):
    for wrong in ("/", str(old / "missing"), str(site.key_file), str(site.root), str(site.root.parent)):
        with pytest.raises(AssertionError, match="adopt_from"):
            site.start(f'adopt_from = ["{wrong}"]\n')


def test_others_are_served_while_a_tree_is_looked_through(site, old):
    """The git that looks at one of its repositories hangs; nobody else waits for it."""
    site.make_repository()
    put(site, old / "bert.git")
    slow = site.directory / "slow-git"
    slow.write_text('#!/bin/sh\ncase "$*" in *config*--list*) sleep 4;; esac\nexec git "$@"\n')
    slow.chmod(0o755)
    start(site, old, f'git = "{slow}"\n')
    with site.open(grv1.ADMIN, "mojombo/new.git", admin=b"inspect-tree", argument=str(old).encode()) as looking:
        begun = time.monotonic()
        assert "refs/heads/main" in site.git("ls-remote", "fs:mojombo/bert.git").stdout
        assert time.monotonic() - begun < 3
        looking.finish()
        assert looking.status == 0 and time.monotonic() - begun > 3

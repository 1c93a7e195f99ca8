"""gerve repo adopt: repositories that are on a file server before Gerve knows them."""

import os
import shutil
import socket
import struct
import threading

import pytest

from harness.adoption import is_served, mounted, real
from harness.audit import events
from harness.grv1 import ADMIN, FAIL, FAIL_AUTHENTICATION, FAIL_BAD_REQUEST, converse, frame, new_ticket_key
from harness.site import Repository


# ---- taken over


def test_a_repository_in_another_directory_moves_to_its_place(either):
    alice = either.owner()
    place = either.lost(alice)
    inode = place.stat().st_ino
    told = either.gerve("repo", "adopt", f"{alice.login}/site", place).stdout
    assert f"{place} on fs1" in told and "refs/heads/main" in told and f"adopted {alice.login}/site (private)" in told
    assert not place.exists()
    assert is_served(alice, f"{alice.login}/site")
    if not either.is_by_id:
        assert (either.files.root / alice.login / "site.git").stat().st_ino == inode
    change = events(either, "--event", "admin", "--repo", f"{alice.login}/site")[-1]
    assert change["command"] == "repo adopt" and change["done"]
    assert change["details"] == {"repo": f"{alice.login}/site", "visibility": "private", "server": "fs1", "from": str(place)}
    again = either.gerve("repo", "adopt", f"{alice.login}/site", place)
    assert f"repository {alice.login}/site already exists" in again.stderr


def test_a_repository_that_is_in_its_place_gets_its_entry(house):
    alice = house.owner()
    place = house.lies_in(house.files.root / alice.login / "site.git")
    before = place.stat()
    house.gerve("repo", "adopt", f"{alice.login}/site", "--public", says="adopted")
    assert place.stat().st_ino == before.st_ino
    assert house.entry_of(f"{alice.login}/site")["visibility"] == "public"
    assert is_served(alice, f"{alice.login}/site")


def test_by_id_nothing_is_in_its_place_yet(house_by_id):
    alice = house_by_id.owner()
    house_by_id.gerve("repo", "adopt", f"{alice.login}/site", exit=1, says="give the directory that it is in now")
    assert house_by_id.entry_of(f"{alice.login}/site") is None


def test_sha256(either):
    alice = either.owner()
    place = either.lost(alice, object_format="sha256")
    told = either.gerve("repo", "adopt", f"{alice.login}/site", place).stdout
    assert "object format  sha256" in told
    assert is_served(alice, f"{alice.login}/site")


def test_the_owner_is_spelled_as_the_account(house):
    alice = house.owner()
    place = house.lost(alice)
    house.gerve("repo", "adopt", f"{alice.login.upper()}/Site", place, says=f"adopted {alice.login}/Site")
    assert (house.files.root / alice.login / "Site.git").is_dir()
    other = house.lost(alice, "other.git")
    house.gerve("repo", "adopt", f"{alice.login}/site", other, exit=1, says="already exists, and")
    assert other.is_dir()


def test_hooks_are_told_and_run(house):
    alice = house.owner()
    place = house.lost(alice)
    (place / "hooks").mkdir()
    for name, mode in (("update", 0o755), ("post-receive", 0o644), ("pre-receive.sample", 0o755)):
        (place / "hooks" / name).write_text('#!/bin/sh\necho "$GERVE_USER" >>"$GIT_DIR/by"\n')
        (place / "hooks" / name).chmod(mode)
    (house.old / "gitolite-update").write_text("#!/bin/sh\n")
    (house.old / "gitolite-update").chmod(0o755)
    (place / "hooks/pre-receive").symlink_to(house.old / "gitolite-update")
    told = house.gerve("repo", "adopt", f"{alice.login}/site", place).stdout
    assert "hook           update\n" in told and "post-receive" not in told and "sample" not in told
    assert f"pre-receive -> {house.old}/gitolite-update" in told and "pre-receive is gitolite's" in told
    assert is_served(alice, f"{alice.login}/site")
    assert (house.files.root / alice.login / "site.git/by").read_text() == f"{alice.login}\n"


# ---- refused, and left as it was


def test_a_dry_run_changes_nothing(house):
    alice = house.owner()
    place = house.lost(alice)
    (place / "hooks").mkdir()
    before = house.listing()
    house.gerve("repo", "adopt", f"{alice.login}/site", place, "--dry-run", says="can be adopted; nothing was changed")
    told = house.gerve("import", "repositories", house.old, exit=(0, 1)).stdout
    assert f"{alice.login}/site" in told and "nothing was changed: --yes" in told
    assert house.listing() == before


def test_only_directories_that_the_agent_allows_are_taken(house):
    alice = house.owner()
    outside = house.lies_in(house.directory / f"outside-{alice.login}.git")
    link = house.old / alice.login / "link.git"
    link.symlink_to(outside)
    through = house.old / alice.login / "through"
    through.symlink_to(house.directory)
    for directory, says in {
        outside: f"is neither below the agent's root ({house.files.root}) nor below an adopt_from of its "
                 f"configuration ({house.old})",
        link: "symbolic link, which is not followed",
        through / outside.name: "symbolic link, which is not followed",
        house.old: "is not a repository, but the place of many",
        house.old / alice.login / "missing.git": "there is no directory",
        house.files.root / ".gerve/deleted-1.git": "is where the agent keeps repositories of its own",
    }.items():
        house.gerve("repo", "adopt", f"{alice.login}/site", directory, exit=1, says=says)
    for directory in ("old/site.git", f"{house.old}/../{outside.name}", "/", f"{house.old}//x"):
        house.gerve("repo", "adopt", f"{alice.login}/site", directory, exit=2, says="must be an absolute path")
    assert outside.is_dir() and house.entry_of(f"{alice.login}/site") is None


def test_a_repository_of_somebody_else_is_not_taken(house):
    alice, bob = house.owner(), house.owner("bob")
    repository = house.repository(alice, "secret", private=True)
    house.gerve("repo", "adopt", f"{bob.login}/mine", repository.disk, exit=1,
                says=f"it is the repository {repository.path}: `gerve repo rename")
    assert repository.disk.is_dir()


def test_by_id_what_the_agent_files_is_not_taken(house_by_id):
    alice = house_by_id.owner()
    place = house_by_id.lost(alice)
    house_by_id.gerve("repo", "adopt", f"{alice.login}/site", place)
    filed = next(path for path in house_by_id.files.root.rglob("*.git"))
    house_by_id.gerve("repo", "adopt", f"{alice.login}/other", filed, exit=1,
                      says="is where the agent keeps repositories of its own")


def test_a_place_that_is_taken_is_kept(house):
    alice = house.owner()
    place = house.lost(alice)
    there = house.lies_in(house.files.root / alice.login / "site.git")
    inode = there.stat().st_ino
    house.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1, says="there is a repository in the place of")
    assert place.is_dir() and there.stat().st_ino == inode and house.entry_of(f"{alice.login}/site") is None


def check_mount(house, says: str, *options: str):
    alice = house.owner()
    with mounted(house.old / alice.login, *options) as place:
        house.lies_in(place / "site.git")
        house.gerve("repo", "adopt", f"{alice.login}/site", place / "site.git", exit=1, says=says)
        assert (place / "site.git").is_dir() and house.entry_of(f"{alice.login}/site") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_file_system_is_refused(house):
    check_mount(house, "it is not on the file system of", "-t", "tmpfs", "tmpfs")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_mount_of_the_same_file_system_is_refused(house):
    disk = house.directory / "disk"
    disk.mkdir()
    check_mount(house, "but for the agent in another mount: move it", "--bind", str(disk))


def test_a_gateway_without_a_key_has_nothing_moved(house):
    alice = house.owner()
    place = house.lost(alice)
    path = f"{alice.login}/site"
    call = {"service": ADMIN, "extra": [(13, b"adopt"), (14, str(place).encode())]}
    for key, fail in ((new_ticket_key(), FAIL_AUTHENTICATION), (None, FAIL_AUTHENTICATION)):
        assert converse(house.files.address, house.files.open(path, **call).encode(key)).fail == fail
    assert place.is_dir()
    # Nor does one with a key reach beyond what the file server's own configuration allows.
    outside = house.lies_in(house.directory / f"far-{alice.login}.git")
    reply = house.files.ask(path, service=ADMIN, extra=[(13, b"adopt"), (14, str(outside).encode())])
    assert reply.exit == 1 and b"nor below an adopt_from" in reply.stderr and outside.is_dir()
    for odd in (f"{house.old}/../x.git", "x.git", f"{house.old}/a\nb"):
        reply = house.files.ask(path, service=ADMIN, extra=[(13, b"adopt"), (14, odd.encode())])
        assert reply.fail == FAIL_BAD_REQUEST, odd


def test_an_agent_that_is_older_is_told_of(house):
    """One that does not know the call answers as one of 0.1.0 does."""
    alice = house.owner()
    place = house.lost(alice)

    def answer(listener):
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(frame(FAIL, struct.pack(">HB", FAIL_BAD_REQUEST, 0) + b"bad request"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        house.gerve("server", "set", "fs1", f"127.0.0.1:{listener.getsockname()[1]}")
        try:
            house.gerve("repo", "adopt", f"{alice.login}/site", place, exit=1,
                        says="bad request: if the gerve-agent of fs1 is older than this gerve, upgrade it")
        finally:
            real(house)
    assert place.is_dir() and house.entry_of(f"{alice.login}/site") is None


# ---- the embedded default


@pytest.mark.parametrize("serving", [True, False])
def test_without_a_file_server_of_its_own(private_sites, serving):
    site = private_sites()
    alice = site.person("alice")
    site.gerve("repo", "create", f"{alice.login}/seed")
    alice.publish(Repository(alice.login, "seed", site.state))
    root = site.state / "repositories"
    for name in ("old/one.git", f"old/{alice.login}/two.git", f"{alice.login}/three.git"):
        shutil.copytree(root / alice.login / "seed.git", root / name)
    if not serving:
        site.gateway.stop()
    site.gerve("repo", "adopt", f"{alice.login}/one", (root / "old/one.git").resolve(), says="adopted")
    site.gerve("import", "repositories", (root / "old").resolve(), "--yes", says="1 adopted")
    site.gerve("repo", "adopt", f"{alice.login}/three", says="adopted")
    site.gerve("repo", "adopt", f"{alice.login}/four", exit=1, says="there is no directory")
    if not serving:
        site.start()
    for name in ("one", "two", "three"):
        assert is_served(alice, f"{alice.login}/{name}")


def test_a_path_beyond_ascii_is_adopted(house):
    alice = house.owner()
    place = house.lost(alice, "Büro.git")
    house.gerve("repo", "adopt", f"{alice.login}/office", place)
    assert not place.exists() and is_served(alice, f"{alice.login}/office")

"""Git LFS with the distribution's git-lfs: files, locks, limits, withdrawal, and where it is not served."""

import hashlib
import os
import tempfile
import time

import pytest

from harness.audit import events
from harness.large_files import add_files, stored, with_lfs
from harness.outcome import NONZERO
from harness.processes import wait_until

NOT_FOUND = "git-lfs-transfer: not found\n"
SESSIONS = ("git-lfs-upload", "git-lfs-download")


@pytest.fixture
def artist(site, alice, project):
    """alice in front of her project, where *.bin is tracked."""
    alice.project = project
    return with_lfs(alice, "*.bin")


@pytest.mark.both_doors
def test_a_hundred_files_are_pushed_and_cloned(site, artist, project, alice):
    contents = {f"art/{n:03}.bin": os.urandom(20_000 + n) for n in range(100)}
    add_files(artist, contents)
    began = time.monotonic()
    artist.git("push", "--quiet", timeout=60)
    assert time.monotonic() - began < 30, "git-lfs does not wait for two minutes"
    assert len(stored(project)) == 100
    copy = alice.clone(project, into="copy")
    assert all((copy.cwd / name).read_bytes() == content for name, content in contents.items())
    copy.git("lfs", "fsck")
    partial = alice.with_env(GIT_LFS_SKIP_SMUDGE="1").clone(project, into="partial")
    assert (partial.cwd / "art/000.bin").read_bytes().startswith(b"version https://git-lfs")
    partial.git("lfs", "pull", "--include", "art/00*.bin")
    assert (partial.cwd / "art/007.bin").read_bytes() == contents["art/007.bin"]
    assert (partial.cwd / "art/099.bin").stat().st_size < 200
    artist.git("push", "--quiet")  # nothing to send
    site.gerve("repo", "fsck", project.path)

    trail = [event for event in events(site, "--repo", project.path) if event.get("service") in SESSIONS]
    ended = [event for event in trail if event["event"] == "session"]
    assert {event["service"] for event in ended} == set(SESSIONS)
    uploads = [event for event in ended if event["service"] == "git-lfs-upload"]
    assert sum(event["bytes_in"] for event in uploads) > 100 * 20_000
    assert all(event["user"] == alice.login for event in ended)
    assert len({event["connection"] for event in uploads}) == len(uploads), "each on a connection of its own"


@pytest.mark.both_doors
@pytest.mark.parametrize("by", ["user", "git-lfs"])
def test_eight_sessions_on_one_connection_end_with_the_push(site, alice, artist, project, by):
    """The first is OpenSSH's master connection: git-lfs ends it first, and waits for it, while it waits for the others,
    which git-lfs before 3.6 has not ended yet."""
    add_files(artist, {f"{n}.bin": os.urandom(200_000) for n in range(40)})
    with tempfile.TemporaryDirectory() as runtime:  # sockets have short names
        shared = artist.with_env(XDG_RUNTIME_DIR=runtime) if by == "git-lfs" else \
            artist.with_ssh_options("-o", "ControlMaster=auto", "-o", f"ControlPath={runtime}/mux")
        push_over_one_connection(site, shared, project)


def push_over_one_connection(site, shared, project):
    began = time.monotonic()
    shared.git("lfs", "push", "origin", "main", timeout=130)
    assert time.monotonic() - began < 20
    assert len(stored(project)) == 40
    uploads = [event for event in events(site, "--repo", project.path)
               if event["event"] == "session" and event["service"] == "git-lfs-upload"]
    assert len({event["connection"] for event in uploads}) == 1 and len(uploads) >= 8


@pytest.mark.both_doors
def test_locks(site, door, artist, project, alice, bob):
    site.grant(project, bob, "write")
    add_files(artist, {"logo.bin": b"first\n" * 100})
    artist.git("push", "--quiet")
    artist.git("lfs", "lock", "logo.bin", says="Locked logo.bin")
    assert alice.login in artist.git("lfs", "locks").stdout
    bob.git("lfs", "install", "--skip-repo")
    his = bob.clone(project, into="his")
    his.git("lfs", "install", "--local")
    his.git("lfs", "lock", "logo.bin", exit=NONZERO, says=f"locked by {alice.login}")
    (his.cwd / "logo.bin").chmod(0o644)
    add_files(his, {"logo.bin": b"second\n" * 100})
    his.git("config", "lfs.locksverify", "true")
    refused = his.git("push", exit=NONZERO)
    assert f"* logo.bin - {alice.login}" in refused.stdout and "Cannot update locked files." in refused.stderr
    lock = site.gerve_json("lfs", "locks", project.path)[0]
    assert lock["path"] == "logo.bin" and lock["holder"] == alice.login
    his.git("lfs", "unlock", "--id", lock["id"], exit=NONZERO, says="administrator")
    artist.git("lfs", "unlock", "logo.bin")
    his.git("push", "--quiet")
    his.git("lfs", "lock", "logo.bin")
    lock = site.gerve_json("lfs", "locks", project.path)[0]
    site.gerve("lfs", "unlock", project.path, lock["id"], stdout=f"unlocked logo.bin, which {bob.login} had locked since "
                                                                f"{lock['since']}\n")
    assert site.gerve("lfs", "locks", project.path).stdout == "no locks\n"


def test_all_locks_of_a_repository_are_listed(site, project):
    """As many as it can have: 2.5 MB."""
    locks = project.disk / "lfs/locks"
    locks.mkdir(parents=True)
    paths = {f"{n:04}-" + "x" * 150 for n in range(9_998)} | {" ", "last "}
    for path in paths:
        content = f"gerve-lfs-lock-v1\nsince 1700000000000\nholder user 7\nname bert\npath {path}\n"
        (locks / hashlib.sha256(path.encode()).hexdigest()[:32]).write_text(content)
    assert {lock["path"] for lock in site.gerve_json("lfs", "locks", project.path)} == paths


@pytest.mark.both_doors
def test_who_may_only_read_uploads_and_locks_nothing(site, artist, project, bob):
    add_files(artist, {"a.bin": b"data\n"})
    artist.git("push", "--quiet")
    answer = bob.ssh(f"git-lfs-transfer {project.path} upload", exit=1)
    assert answer.stdout == "" and answer.stderr == f"ERROR: Permission to {project.path} denied to {bob.login}.\n"
    bob.git("lfs", "install", "--skip-repo")
    copy = bob.clone(project, into="theirs")
    assert (copy.cwd / "a.bin").read_bytes() == b"data\n"
    copy.git("lfs", "lock", "a.bin", exit=NONZERO)
    hidden = site.repository(artist, "hidden", private=True)
    for path in (hidden.path, f"{artist.login}/nothing"):
        assert bob.ssh(f"git-lfs-transfer {path} download", exit=1).stderr == "ERROR: Repository not found.\n"


@pytest.mark.both_doors
def test_git_lfs_authenticate_is_not_found(alice, project):
    answer = alice.ssh(f"git-lfs-authenticate {project.path} upload", exit=127)
    assert answer.stdout == "" and answer.stderr == "git-lfs-authenticate: not found\n"


@pytest.mark.both_doors
def test_a_push_without_its_objects_is_refused(artist, project, alice):
    add_files(artist, {"logo.bin": b"logo\n"})
    refused = artist.git("push", "--no-verify", exit=NONZERO)
    oid = hashlib.sha256(b"logo\n").hexdigest()
    assert "This push contains a Git LFS pointer whose object is not on the server:" in refused.stderr
    assert f"logo.bin ({oid})" in refused.stderr and "(pre-receive hook declined)" in refused.stderr
    artist.git("lfs", "push", "--all", "origin")
    artist.git("push", "--no-verify", "--quiet")
    assert stored(project) == [oid]


def test_it_need_not_have_its_objects(private_sites):
    site = private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[lfs]\nrequire_objects = false\n')
    alice, alice.project = site.newcomer()
    work = with_lfs(alice, "*.bin")
    add_files(work, {"logo.bin": b"logo\n"})
    work.git("push", "--no-verify", "--quiet")


def test_off_is_off_before_any_look_up(private_sites):
    site = private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[lfs]\nmode = "off"\n')
    alice, project = site.newcomer()
    for path in (project.path, "nobody/nothing"):
        answer = alice.ssh(f"git-lfs-transfer {path} download", exit=127)
        assert answer.stdout == "" and answer.stderr == NOT_FOUND
    assert alice.ssh(f"git-lfs-authenticate {project.path} upload", exit=127).stdout == ""
    assert not [event for event in events(site) if event["event"] == "decision" and event.get("service") in SESSIONS]
    explained = site.gerve("explain", alice.login, f"git-lfs-transfer {project.path} download", exit=NONZERO).stdout
    assert NOT_FOUND.strip() in explained and "lfs-off" in explained and "127" in explained
    alice.clone(project, into="copy")


def test_what_is_too_large_is_refused_with_the_reason(private_sites):
    site = private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[lfs]\nmax_object = "1MiB"\n')
    alice, alice.project = site.newcomer()
    work = with_lfs(alice, "*.bin")
    add_files(work, {"large.bin": os.urandom((1 << 20) + 1)})
    refused = work.git("push", exit=NONZERO)
    assert "more than the 1.0 MiB that one object may have" in refused.stderr, refused.stderr
    assert stored(alice.project) == []


def test_a_repository_without_room_takes_no_object(site, artist, project):
    used = site.gerve_json("repo", "size", project.path)[0]["bytes"]
    site.gerve("limit", "set", project.path, "--max-size", f"{used // (1 << 20) + 2}MiB")
    add_files(artist, {"large.bin": os.urandom(4 << 20)})
    refused = artist.git("push", exit=NONZERO)
    assert "does not fit" in refused.stderr, refused.stderr
    assert stored(project) == []
    site.gerve("limit", "set", project.path, "--max-size", "default")
    artist.git("push", "--quiet")
    assert len(stored(project)) == 1


def upload_session(client, project):
    """A session that has begun an object and goes on."""
    session = client.start_ssh(f"git-lfs-transfer {project.path} upload", stdin=-1)
    request = [b"put-object " + b"0" * 64 + b"\n", b"size=100000\n"]
    packets = b"".join(b"%04x" % (len(one) + 4) + one for one in request)
    session.process.stdin.write(b"000eversion 1\n0000" + packets + b"0001")
    session.process.stdin.flush()
    return session


def test_sessions_are_listed_and_end_when_access_does(site, artist, project, bob):
    site.grant(project, bob, "write")
    killed, withdrawn = upload_session(bob, project), upload_session(bob, project)

    def listed():
        return [one for one in site.gerve_json("sessions") if one.get("service") == "git-lfs-upload"
                and one.get("repository") == project.path]

    wait_until(lambda: len(listed()) == 2, "both are listed")
    site.gerve("kill", listed()[0]["session"])
    wait_until(lambda: len(listed()) == 1, "one is ended")
    site.gerve("access", "revoke", project.path, bob.login)
    wait_until(lambda: not listed(), "the other is ended too", timeout=6)
    texts = [session.finish(exit=128, timeout=20).stderr for session in (killed, withdrawn)]
    assert sorted(texts) == ["ERROR: This session was ended by an administrator.\n", "ERROR: Your access was withdrawn.\n"]


def test_archived_renamed_and_explained(site, artist, project, alice):
    add_files(artist, {"a.bin": b"data\n"})
    artist.git("push", "--quiet")
    site.gerve("repo", "archive", project.path)
    assert alice.ssh(f"git-lfs-transfer {project.path} upload", exit=1).stderr == \
        f"ERROR: {project.path} is archived and read-only.\n"
    site.gerve("repo", "unarchive", project.path)
    explained = site.gerve("explain", alice.login, f"git-lfs-transfer {project.path} upload").stdout
    assert "owner" in explained and "allow" in explained.lower()
    site.gerve("repo", "rename", project.path, "renamed")
    quit_at_once = b"000eversion 1\n00000009quit\n0000"
    answer = alice.run(*alice.ssh_argv(f"git-lfs-transfer {project.path} download"), input=quit_at_once)
    assert answer.stderr == f"remote: {project.path} has moved to {alice.login}/renamed\n"


def test_a_damaged_object_is_found_moved_and_pushed_again(site, artist, project):
    add_files(artist, {"a.bin": b"sound\n" * 100})
    artist.git("push", "--quiet")
    oid, = stored(project)
    file = project.disk / "lfs/objects" / oid[:2] / oid[2:4] / oid
    sound = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(b"S" + sound[1:])
    site.gerve("repo", "fsck", project.path, exit=NONZERO, says="run fsck with --repair")
    site.gerve("repo", "fsck", "--repair", project.path, exit=NONZERO, says=f"moved to lfs/damaged/{oid}: push it again")
    artist.git("lfs", "push", "--all", "origin")
    assert stored(project) == [oid] and file.read_bytes() == sound
    site.gerve("repo", "fsck", project.path)


def test_objects_that_nothing_names_are_pruned(site, artist, project):
    add_files(artist, {"kept.bin": b"kept\n"})
    artist.git("push", "--quiet")
    kept = stored(project)
    add_files(artist, {"lost.bin": b"lost\n"})
    project.hook("pre-receive", "exit 1")
    artist.git("push", exit=NONZERO)  # the objects came before git was refused
    lost = [oid for oid in stored(project) if oid not in kept]
    assert len(lost) == 1
    assert site.gerve("lfs", "prune", project.path).stdout == "nothing to remove\n"
    listed = site.gerve_json("lfs", "prune", project.path, "--older-than", "0s")
    assert [one["oid"] for one in listed["objects"]] == lost and not listed["removed"]
    assert "removed 1 object, 5 B" in site.gerve("lfs", "prune", project.path, "--older-than", "0s", "--yes").stdout
    assert stored(project) == kept

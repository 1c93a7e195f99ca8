"""What administrators do with large files at the agent: locks, pruning, fsck, and with the whole repository."""

import os
import shutil
import subprocess
import time

import grv1
import pytest
from conftest import git, wait_until
from lfs_client import BERT, DOWNLOAD, MB, LfsClient, check_objects, oid_of, stored


def order(site, name, argument="", **fields):
    with site.open(grv1.ADMIN, admin=name.encode(), argument=argument.encode(), **fields) as session:
        session.finish()
        return session.status, bytes(session.stdout).decode(), bytes(session.stderr).decode()


def pointer(data: bytes) -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (oid_of(data).encode(), len(data))


def commit_files(site, files: dict, branch="main"):
    work = site.directory / f"work-{os.urandom(4).hex()}"
    git("clone", "--quiet", str(site.root / "mojombo/bert.git"), str(work))
    git("checkout", "--quiet", "-B", branch, cwd=work)
    for name, content in files.items():
        (work / name).write_bytes(content)
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "-m", "files", cwd=work)
    git("push", "--quiet", "origin", branch, cwd=work)


def test_administrators_see_and_remove_locks(site, bare):
    assert order(site, "lfs-locks") == (0, "\n", "")
    client = LfsClient(site)
    made = client.ask("lock", "path=art/a b.psd")
    lock, since = made.value("id"), made.value("locked-at")
    told = f"{lock} {since} user 7 bert art/a b.psd\n"
    assert order(site, "lfs-locks") == (0, told, "")
    assert order(site, "lfs-unlock", lock) == (0, told, "")
    status, out, err = order(site, "lfs-unlock", lock)
    assert (status, out) == (1, "") and "there is no lock" in err
    assert order(site, "lfs-unlock", "../../HEAD")[0] == 1
    assert client.ask(f"unlock {lock}").status == 404
    client.quit()


def test_an_answer_that_exceeds_a_frame_comes_as_a_whole(site, bare):
    (bare / "lfs/locks").mkdir(parents=True)
    paths = [f"{n:04}-" + "x" * 200 for n in range(3_000)]
    for path in paths:
        content = f"gerve-lfs-lock-v1\nsince 1700000000000\nholder user 7\nname bert\npath {path}\n"
        (bare / "lfs/locks" / oid_of(path.encode())[:32]).write_text(content)
    (bare / "lfs/locks" / oid_of(b"a\x1bb")[:32]).write_text(content.replace(path, "a\x1bb"))  # none that we made
    status, out, _ = order(site, "lfs-locks")
    assert status == 0 and [one.split()[-1] for one in out.splitlines()] == paths
    oids = sorted(oid_of(b"%d" % n) for n in range(5_001))
    for oid in oids:
        stored(bare, oid).parent.mkdir(parents=True, exist_ok=True)
        stored(bare, oid).touch()
    status, out, _ = order(site, "lfs-prune", "0")
    listed = out.splitlines()
    assert (status, listed[0]) == (0, "5001 0") and len(listed) == 5_001
    assert all(line.endswith(" 0") and line[:64] in oids for line in listed[1:])
    status, out, _ = order(site, "fsck")
    assert status == 1 and sorted(line.split("/")[4][:64] for line in out.splitlines()) == oids


def test_what_nothing_names_is_pruned(site, bare):
    kept, old, deleted, running = (os.urandom(1000 + n) for n in range(4))
    client = LfsClient(site)
    for data in (kept, old, deleted):
        assert client.put(data).status == 200
    client.quit()
    commit_files(site, {"kept.bin": pointer(kept), "other": b"version https://example.org\n", "b": os.urandom(500)})
    commit_files(site, {f"many-{n}": os.urandom(200) for n in range(2000)}, branch="many")
    commit_files(site, {"deleted.bin": pointer(deleted)}, branch="gone")
    site.git("push", "--quiet", "fs:mojombo/bert.git", ":refs/heads/gone", cwd=bare)
    for data in (kept, old, deleted):
        os.utime(stored(bare, data), (time.time() - 86400,) * 2)
    at_work = LfsClient(site)
    assert at_work.put(running).status == 200
    assert order(site, "lfs-prune", str(14 * 86400)) == (0, "0 0\n", "")
    told = f"1 1001\n{oid_of(old)} 1001\n"  # what was deleted can be restored for as long as its ref can
    assert order(site, "lfs-prune", "3600") == (0, told, "") and stored(bare, old).exists()
    # One that is found again counts as new, however old it is.
    assert at_work.batch((oid_of(old), len(old))).lines == [f"{oid_of(old)} 1001 noop"]
    assert order(site, "lfs-prune", "0 remove") == (0, "0 0\n", "")
    at_work.quit()
    status, out, _ = order(site, "lfs-prune", "0 remove")
    assert status == 0 and sorted(out.split()) == sorted(["2", "2004", oid_of(old), "1001", oid_of(running), "1003"])
    assert stored(bare, kept).exists() and stored(bare, deleted).exists() and check_objects(bare) == 2
    for wrong in ("", "-1", "1 please", "99999999999999"):
        assert order(site, "lfs-prune", wrong)[0] == 1


def test_fsck_reads_every_object(site, bare):
    good, bad = os.urandom(1000), os.urandom(1001)
    client = LfsClient(site)
    for data in (good, bad):
        assert client.put(data).status == 200
    client.quit()
    assert order(site, "fsck") == (0, "", "")
    stored(bare, bad).chmod(0o600)
    stored(bare, bad).write_bytes(bad[:-1] + b"x")
    (bare / "lfs/objects/zz").mkdir()
    status, out, _ = order(site, "fsck")
    assert status == 1 and "lfs/objects/zz: is not an object of Git LFS" in out
    assert f"{oid_of(bad)}: does not match its OID; run fsck with --repair" in out and oid_of(good) not in out
    # A client sends it again when the server does not claim to have it.
    client = LfsClient(site)
    assert client.batch((oid_of(bad), 1001)).lines == [f"{oid_of(bad)} 1001 noop"]
    status, out, _ = order(site, "fsck", "repair")
    assert status == 1 and f"moved to lfs/damaged/{oid_of(bad)}: push it again" in out
    assert (bare / "lfs/damaged" / oid_of(bad)).read_bytes() == bad[:-1] + b"x" and stored(bare, good).exists()
    assert client.batch((oid_of(bad), 1001)).lines == [f"{oid_of(bad)} 1001 upload"]
    assert client.put(bad).status == 200
    client.quit()
    (bare / "lfs/objects/zz").rmdir()
    assert order(site, "fsck") == (0, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_fsck_tells_what_it_cannot_read(site, bare):
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    memory = f"/proc/{os.getpid()}/mem"  # a file whose first byte cannot be read
    subprocess.run(["mount", "--bind", memory, stored(bare, data)], check=True)
    try:
        status, out, _ = order(site, "fsck")
    finally:
        subprocess.run(["umount", stored(bare, data)], check=True)
    assert status == 1 and f"{oid_of(data)}: cannot be read: Input/output error" in out
    assert order(site, "fsck") == (0, "", "")


@pytest.mark.parametrize("content", [
    b"version http://git-media.io/v/2\noid sha256:%s\nsize 1000\n",
    b"\n\n  version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 1000\n",
    b"version https://hawser.github.com/spec/v1\r\noid sha256:%s\r\nsize 1000\r\n",
])
def test_all_that_clients_take_for_a_pointer_keeps_its_object(site, bare, content):
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    commit_files(site, {"old.bin": content % oid_of(data).encode()})
    assert order(site, "lfs-prune", "0 remove") == (0, "0 0\n", "") and stored(bare, data).exists()


def test_nothing_is_removed_while_a_push_is_under_way(site, bare):
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    push = site.open(grv1.RECEIVE_PACK, env=BERT).until_opened()
    push.until(lambda s: s.stdout)
    status, out, err = order(site, "lfs-prune", "0 remove")
    assert (status, out) == (1, "") and "a push is under way" in err and "gerve sessions" in err
    assert order(site, "lfs-prune", "0")[1].startswith("1 1000\n"), "to look is no harm"
    push.write(b"0000")
    assert push.finish().status == 0
    assert order(site, "lfs-prune", "0 remove")[1].startswith("1 1000\n") and not stored(bare, data).exists()


def test_a_look_at_what_may_be_pruned_passes_over_dead_sessions(site, bare):
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    old = bare / "lfs/incoming" / "session.0123456789abcdef"
    old.touch()
    os.utime(old, (1, 1))
    assert order(site, "lfs-prune", "0")[1].startswith("1 1000\n") and old.exists()


def test_large_files_go_with_the_repository(site, bare):
    data = os.urandom(MB)
    before = int(order(site, "size")[1])
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    assert int(order(site, "size")[1]) >= before + MB
    assert order(site, "rename", "mojombo/renamed.git")[0] == 0
    client = LfsClient(site, DOWNLOAD, path="mojombo/renamed.git")
    assert client.get(oid_of(data)).data == data
    client.quit()
    assert order(site, "delete", path="mojombo/renamed.git")[0] == 0
    assert not (site.root / "mojombo/renamed.git").exists()


def test_history_is_read_again_when_refs_change_meanwhile(site):
    """A branch gets another name: the old one is gone when it is read, and the new one is not there yet."""
    bare = site.make_repository()
    script, moved = site.directory / "git-that-moves", site.directory / "moved"
    real = shutil.which("git")
    script.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    script.chmod(0o755)
    agent = site.start(f'git = "{script}"\n')
    data = os.urandom(1000)
    client = LfsClient(site)
    assert client.put(data).status == 200
    client.quit()
    commit_files(site, {"kept.bin": pointer(data)}, branch="old")
    commit = git("rev-parse", "refs/heads/old", cwd=bare).stdout.strip()
    update = f"{real} --git-dir={bare} update-ref"
    script.write_text(f"""#!/bin/sh
case " $* " in *" rev-list "*)
    [ -e {moved} ] && exec {real} "$@"
    touch {moved}; {update} -d refs/heads/old
    {real} "$@"; status=$?
    {update} refs/heads/new {commit}; exit $status;;
esac
exec {real} "$@"
""")
    assert order(site, "lfs-prune", "0 remove") == (0, "0 0\n", "") and moved.exists()
    assert stored(bare, data).exists() and agent.process.poll() is None


def test_what_reads_history_for_long_holds_up_nothing_else(site):
    """Prunes of as many repositories as an owner may have administered at once, each with a git that does not end."""
    slow = site.directory / "git"
    gate = site.directory / "gate"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--reflog*) while [ ! -e {gate} ]; do sleep 0.1; done;; esac\n'
                    'exec git "$@"\n')
    slow.chmod(0o755)
    names = [f"mojombo/slow{number}.git" for number in range(6)]
    for name in names:
        site.make_repository(name)
    bare = site.make_repository()
    site.start(f'git = "{slow}"\n')
    stored(bare, b"data").parent.mkdir(parents=True)
    prunes = [site.open(grv1.ADMIN, name, admin=b"lfs-prune", argument=b"0") for name in names]
    wait_until(lambda: len(site.agents[-1].children()) >= 2, what="git to read history")
    began = time.monotonic()
    assert order(site, "size")[0] == 0 and order(site, "lfs-locks")[0] == 0
    assert time.monotonic() - began < 5
    assert not any(session.exit for session in prunes)
    gate.touch()
    assert [session.finish().status for session in prunes] == [0] * len(names)

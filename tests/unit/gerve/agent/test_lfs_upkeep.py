"""What administrators do with large files at the agent: locks, pruning, fsck, and with the whole repository."""

import os
import time

import grv1
import pytest
from conftest import git
from lfs_client import DOWNLOAD, LfsClient, check_objects, oid_of, stored

MB = 1 << 20


@pytest.fixture
def bare(site):
    repository = site.make_repository()
    site.agent = site.start()
    return repository


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
    assert status == 1 and "lfs/objects/zz: is no object of Git LFS" in out
    assert f"{oid_of(bad)}: its bytes have another hash" in out and oid_of(good) not in out


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

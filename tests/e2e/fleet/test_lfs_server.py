"""Git LFS and the file server: one that does not serve it, and one whose agent is killed during a push."""

import os
import tempfile
from pathlib import Path

import pytest

from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.production import Production


@pytest.fixture
def house(workspace):
    site = Production(Path(tempfile.mkdtemp(prefix="lfs-", dir=workspace)))
    try:
        yield site
        site.stop()
    finally:
        site.kill()


def test_a_file_server_that_does_not_serve_it(house):
    house.files.more = 'services = ["upload-pack", "receive-pack", "upload-archive", "admin"]\n'
    house.start()
    owner, repository = house.newcomer()
    for word in ("upload", "download"):
        answer = owner.ssh(f"git-lfs-transfer {repository.path} {word}", exit=127)
        assert answer.stdout == "" and answer.stderr.startswith("git-lfs-transfer: not found\n")
        assert f"The file server of {repository.path} does not serve Git LFS." in answer.stderr
    owner.clone(repository, into="copy")


def test_an_agent_that_is_killed_during_a_push(house):
    house.start()
    owner, repository = house.newcomer()
    owner.git("lfs", "install", "--skip-repo")
    work = owner.clone(repository)
    work.git("lfs", "install", "--local")
    work.git("lfs", "track", "*.bin")
    for number in range(8):
        work.write(f"{number}.bin", os.urandom(8 << 20))
    work.git("add", ".")
    work.git("commit", "--quiet", "--message", "Add large files")
    push = work.start("git", "push", "--quiet")
    incoming = repository.disk / "lfs/incoming"
    wait_until(lambda: incoming.is_dir() and any(len(name) > 64 for name in os.listdir(incoming)), "an object comes")
    house.files.kill()
    push.finish(exit=NONZERO, timeout=60)
    house.files.start()
    work.git("push", "--quiet", timeout=60)
    copy = owner.clone(repository, into="copy")
    for number in range(8):
        assert (copy.cwd / f"{number}.bin").read_bytes() == (work.cwd / f"{number}.bin").read_bytes()
    assert [name for name in os.listdir(incoming) if "." in name] == []
    house.gerve("repo", "fsck", repository.path)

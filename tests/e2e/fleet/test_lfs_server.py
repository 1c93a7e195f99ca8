"""Git LFS and the file server: one that does not serve it, and one whose agent is killed during a push."""

import os

import pytest

from harness.large_files import add_files, with_lfs
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.production import running_production


@pytest.fixture
def house(workspace):
    with running_production(workspace, start=False) as site:
        yield site


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
    owner, owner.project = house.newcomer()
    repository, work = owner.project, with_lfs(owner, "*.bin")
    add_files(work, {f"{number}.bin": os.urandom(8 << 20) for number in range(8)})
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

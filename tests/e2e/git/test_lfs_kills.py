"""Uploads of large files of which one side is killed: nothing wrong is stored, the next push succeeds, nothing stays.

The uploads stand still at twenty moments, from the first bytes of an object to its end, so one kill hits them all.
"""

import hashlib
import os
import signal
import subprocess

import pytest

from harness.large_files import add_files, put_object, stored, with_lfs
from harness.processes import command_line, wait_until
from harness.site import Site

UPLOADS = 20
SIZE = 600_000  # of each, in bytes
FILES = 12  # of the push
CONFIG = 'state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[repositories]\nkeep_lost = "0s"\n'


def processes(site, word: str) -> list[int]:
    return [pid for pid in site.gateway.family() if word in " ".join(command_line(pid))]


def kill(pids) -> int:
    """How many were hit."""
    hit = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            hit += 1
        except ProcessLookupError:
            continue
    return hit


def end(push) -> None:
    try:
        push.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(push.pid, signal.SIGKILL)
        push.wait()


def begun(incoming) -> list[str]:
    """The objects that are being received, or were."""
    return [name for name in os.listdir(incoming) if "." in name and not name.startswith("session.")]


class Upload:
    """An object that is sent by git-lfs-transfer as far as is wanted."""

    def __init__(self, client, repository):
        content = os.urandom(SIZE)
        self.bytes = put_object(hashlib.sha256(content).hexdigest(), content)
        self.session = client.start_ssh(f"git-lfs-transfer {repository.path} upload", stdin=subprocess.PIPE)

    def send(self, part: float) -> None:
        """Of its bytes, from the first on."""
        size = int(len(self.bytes) * part)
        self.session.process.stdin.write(self.bytes[:size])
        self.session.process.stdin.flush()
        self.bytes = self.bytes[size:]

    def is_cut(self) -> bool:
        return self.session.process.wait(30) != 0


@pytest.fixture(scope="module")
def other_site(workspace):
    """One for all tests here: they kill processes that others share."""
    directory = workspace / "kills"
    directory.mkdir()
    site = Site(directory, CONFIG).start()
    yield site
    site.gateway.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["client", "gerve-agent", "lfs-transfer", "worker"])
def test_twenty_uploads_are_killed(other_site, who):
    """Each at another moment, while a push of git's own is transferring objects too."""
    site = other_site
    alice, alice.project = site.newcomer()
    project, work = alice.project, with_lfs(alice, "*.bin")
    work.git("config", "lfs.locksverify", "false")
    add_files(work, {f"{number}.bin": os.urandom(1 << 20) for number in range(FILES)})

    uploads = [Upload(alice, project) for _ in range(UPLOADS)]
    wait_until(lambda: len(processes(site, "lfs-transfer")) == UPLOADS, "all sessions run", timeout=30)
    for number, upload in enumerate(uploads):
        upload.send((number + 1) / UPLOADS)
    incoming = project.disk / "lfs/incoming"
    wait_until(lambda: len(begun(incoming)) == UPLOADS - 1 and stored(project), "all are under way but one, which is stored")
    push = subprocess.Popen(["git", "push", "--quiet", "--force"], cwd=work.cwd, env=work.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    sessions = wait_until(lambda: (now := processes(site, "lfs-transfer"))[UPLOADS:] and now, "git-lfs uploads", timeout=30)
    if who == "client":
        os.killpg(push.pid, signal.SIGKILL)  # git, its hook, git-lfs and their ssh
        assert kill(upload.session.process.pid for upload in uploads) == UPLOADS
    elif who == "lfs-transfer":
        assert kill(sessions) >= UPLOADS
    else:
        assert kill(processes(site, who)) > 0
    assert all(upload.is_cut() for upload in uploads), "each was under way"
    end(push)

    stored(project)  # each has the hash that its name says
    wait_until(lambda: work.git("push", "--force", exit=range(256), timeout=120).exit == 0, "the next push", timeout=90)
    assert project.rev("main") == work.git("rev-parse", "HEAD").stdout.strip()
    copy = alice.clone(project, into="copy")
    for number in range(FILES):
        assert (copy.cwd / f"{number}.bin").read_bytes() == (work.cwd / f"{number}.bin").read_bytes()
    wait_until(lambda: not processes(site, "lfs-transfer") and not processes(site, "receive-pack"), "all to be over", timeout=30)
    site.gerve("repo", "fsck", project.path)
    site.gerve("lfs", "prune", project.path, "--older-than", "0s", "--yes")
    assert len(stored(project)) == FILES, "only what the last commit names"
    assert not begun(incoming), "nothing is left of the uploads that were cut"

"""Pushes of large files in which a process is killed: nothing wrong is stored, the next push succeeds, nothing stays."""

import os
import random
import signal
import subprocess
import time

import pytest

from harness.large_files import add_files, stored, with_lfs
from harness.processes import command_line, wait_until

MOMENTS = 20


def processes(site, word: str) -> list[int]:
    return [pid for pid in site.gateway.family() if word in " ".join(command_line(pid))]


def kill(pids) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def kill_client(push: subprocess.Popen) -> None:
    """git, its hook, git-lfs and their ssh: one process group."""
    os.killpg(push.pid, signal.SIGKILL)


CONFIG = 'state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[repositories]\nkeep_lost = "0s"\n'


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("who", ["client", "gerve-agent", "lfs-transfer", "worker"])
def test_twenty_pushes_are_killed(private_sites, who):
    site, chance = private_sites(CONFIG), random.Random(who)
    alice, alice.project = site.newcomer()
    project, work = alice.project, with_lfs(alice, "*.bin")
    work.git("config", "lfs.locksverify", "false")
    for moment in range(MOMENTS):
        if moment:  # only the last one stays
            work.git("reset", "--quiet", "--soft", "HEAD~")
        add_files(work, {"large.bin": os.urandom(chance.randrange(1, 6 << 20)), "small.bin": os.urandom(1000)})
        push = subprocess.Popen(["git", "push", "--quiet", "--force"], cwd=work.cwd, env=work.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(chance.random() * 1.5)
        kill_client(push) if who == "client" else kill(processes(site, who))
        try:
            push.wait(60)
        except subprocess.TimeoutExpired:
            kill_client(push)
        push.wait()
        stored(project)  # each has the hash that its name says
    wait_until(lambda: work.git("push", "--force", exit=range(256), timeout=120).exit == 0, "the next push", timeout=90)
    assert project.rev("main") == work.git("rev-parse", "HEAD").stdout.strip()
    copy = alice.clone(project, into="copy")
    for name in ("large.bin", "small.bin"):
        assert (copy.cwd / name).read_bytes() == (work.cwd / name).read_bytes()
    wait_until(lambda: not processes(site, "lfs-transfer") and not processes(site, "receive-pack"), "all to be over", timeout=30)
    site.gerve("repo", "fsck", project.path)
    site.gerve("lfs", "prune", project.path, "--older-than", "0s", "--yes")
    assert len(stored(project)) == 2, "only what the last commit names"
    assert [name for name in os.listdir(project.disk / "lfs/incoming") if "." in name] == [], "nothing is left of the pushes that were cut"

"""What the processes may do beyond their user: nothing, whatever the master was started with."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.paused import PausedClone
from harness.site import Site

# The master's user and the workers': two that every Debian has.
MASTER, WORKER = "nobody", "daemon"
CONFIG = f"""
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:0"
[ssh]
workers = 1
[authz]
worker_user = "{WORKER}"
"""
GRANTED = "+net_bind_service,+setuid,+setgid,+kill"
AS_THE_UNIT_STARTS_IT = [
    *("setpriv", "--reuid", MASTER, "--regid", "nogroup", "--clear-groups", "--no-new-privs"),
    *("--inh-caps", GRANTED, "--ambient-caps", GRANTED, "--bounding-set", f"-all,{GRANTED}"),
]
MEGABYTE = 1 << 20


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def capabilities(pid: int) -> int:
    """Those it has, may take, or hands to a program that it starts."""
    found = status(pid)
    return int(found["CapEff"], 16) | int(found["CapPrm"], 16) | int(found["CapAmb"], 16)


def user(pid: int) -> int:
    """Real, effective, saved and of files: one and the same."""
    (one,) = set(status(pid)["Uid"].split())
    return int(one)


@pytest.fixture
def site():
    """As worker-user.conf has it: a master that is not root, and may become the workers' user."""
    directory = Path(tempfile.mkdtemp(prefix="gerve-e2e-rights-", dir="/tmp"))
    shutil.chown(directory, MASTER, "nogroup")
    directory.chmod(0o711)
    site = Site(directory, CONFIG, AS_THE_UNIT_STARTS_IT)
    site.state.mkdir(mode=0o751)
    site.state.chmod(0o751)
    shutil.chown(site.state, MASTER, "nogroup")
    (directory / "serve.log").touch()
    try:
        yield site.start()
        site.gateway.stop()
    finally:
        site.gateway.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start as two other users")
def test_nothing_but_the_master_has_a_capability_and_git_least_of_all(site):
    alice = site.person("alice")
    project = site.repository(alice)
    alice.publish(project)
    work = alice.clone(project)
    work.commit("noise", os.urandom(16 * MEGABYTE))
    work.git("push", "--quiet")
    clone = PausedClone(site, alice, project, "paused")
    family = site.gateway.family()
    git = site.gateway.git_processes()
    workers = site.gateway.children("worker") + site.gateway.children("metrics")
    others = site.gateway.children("authz") + site.gateway.children("agent")
    assert git and len(workers) == 2 and len(others) == 2
    assert capabilities(site.gateway.pid), "the master was given none: this test proves nothing"
    assert {pid: capabilities(pid) for pid in family if pid != site.gateway.pid and capabilities(pid)} == {}
    assert {user(pid) for pid in workers} == {pwd.getpwnam(WORKER).pw_uid}
    assert {user(pid) for pid in [site.gateway.pid, *others, *git]} == {pwd.getpwnam(MASTER).pw_uid}
    clone.go_on()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start as another user")
def test_a_worker_that_cannot_become_its_user_does_not_serve(site):
    """Rather than as the user of authz, who reads every secret."""
    site.gateway.stop()
    site.gateway.prefix = AS_THE_UNIT_STARTS_IT[: AS_THE_UNIT_STARTS_IT.index("--inh-caps")]
    site.gateway.fails_to_start(says=f"cannot switch to user {WORKER}", exit=1)

"""The wall clock jumps by an hour, as after an error of NTP or of an administrator: nobody is turned away for it."""

import os
import re
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from harness.audit import events
from harness.clock import Clock
from harness.messages import greeting, server_not_answering
from harness.paused import PausedClone
from harness.processes import command_line, is_git, stat_fields, wait_until
from harness.production import Production
from harness.site import Site

HOUR = 3600
BACK = 2.0  # seconds until service is back
IDLE_CPU = 0.2  # seconds of CPU that a second of rest may cost
NOISE = 24 << 20  # bytes of a clone that is under way: more than all buffers between hold
ANY = range(-64, 256)  # exit statuses


@pytest.fixture
def clock(workspace):
    made = Clock(Path(tempfile.mkdtemp(prefix="clock-", dir=workspace)))
    if why := made.why_not():
        pytest.skip(why)
    return made


def cpu_of(site) -> dict[int, float]:
    """Seconds that each of its processes has used."""
    fields = {pid: stat_fields(pid) for pid in site.gateway.family()}
    return {pid: (int(one[11]) + int(one[12])) / os.sysconf("SC_CLK_TCK") for pid, one in fields.items() if one}


def last_logged(site) -> datetime:
    stamp = re.findall(r"^(\S+T\S+) ", site.gateway.log(), re.MULTILINE)[-1]
    return datetime.fromisoformat(stamp)


def busy(site) -> list[str]:
    """What of Gerve works though nobody asks for anything; git may still pack."""
    before = cpu_of(site)
    time.sleep(1)
    return [f"{command_line(pid)}: {used - before[pid]:.2f} s" for pid, used in cpu_of(site).items()
            if pid in before and used - before[pid] > IDLE_CPU and not is_git(command_line(pid))]


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_the_clock_of_the_whole_machine_jumps(workspace, clock, jump):
    site = Site(Path(tempfile.mkdtemp(prefix="clock-site-", dir=workspace)), prefix=clock.prefix).start()
    try:
        alice = site.person("alice")
        project = site.repository(alice, private=True)
        work = alice.publish(project)
        work.commit("noise", os.urandom(NOISE))
        work.git("push", "--quiet")
        under_way = PausedClone(site, alice, project, "under-way")
        clock.jump(jump)
        for number in range(3):
            alice.ssh(exit=1, stderr=greeting(alice.login))
            alice.git("ls-remote", project.url)
            work.commit(f"after-{number}")
            work.git("push", "--quiet")
        off = last_logged(site) - datetime.now(timezone.utc)
        assert abs(off.total_seconds() - jump) < 600, "its processes go by that clock"
        assert not busy(site)
        under_way.go_on()
        clock.jump(0)
        alice.ssh(exit=1, stderr=greeting(alice.login))
        work.commit("back")
        work.git("push", "--quiet")
        assert not busy(site)
        site.gerve("audit", "verify")
        pushes = [one for one in events(site, "--event", "decision") if one["service"] == "git-receive-pack"]
        assert len(pushes) == 6
        assert site.gateway.log().count("a child ended") == 0
        site.gateway.stop()
    finally:
        site.gateway.kill()


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_the_clock_of_a_gateway_is_not_its_file_servers(workspace, clock, jump):
    """Tickets are good for half a minute of clock: docs/operations.md, "Clocks"."""
    site = Production(Path(tempfile.mkdtemp(prefix="clock-fleet-", dir=workspace)), prefix=clock.prefix).start()
    try:
        alice = site.person("alice")
        project = site.repository(alice)
        alice.publish(project)
        clock.jump(jump)
        alice.ssh(exit=1, stderr=greeting(alice.login))
        alice.ssh(f"git-upload-pack '{project.path}'", exit=75, stderr=server_not_answering(alice.login))
        assert "clock" in site.files.log()
        clock.jump(0)
        wait_until(lambda: alice.git("ls-remote", project.url, exit=ANY).exit == 0, "it is served again", timeout=BACK)
        site.stop()
    finally:
        site.kill()

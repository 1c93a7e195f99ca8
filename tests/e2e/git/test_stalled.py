"""A client that stops reading in the middle of a large clone costs a bounded amount, and loses nothing. So does a
file server that stops reading in the middle of a large push.

With --soak the client stands still for a minute in a clone of a gigabyte.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.processes import connections_to, descendants, resident_kib, session_members, wait_until
from harness.production import running_production
from harness.programs import sanitized

pytestmark = [pytest.mark.alone, pytest.mark.slow]

PIECE = 48 << 20
MEMORY = 2 << 20  # bytes that worker and agent may each have for a session
WINDOW = 8 << 20  # bytes that a client may send ahead, at most
KERNEL = 10 << 20  # bytes, their sockets and pipes included
CONFIG = '[ssh]\nworkers = 1\n'


@pytest.fixture(scope="module")
def house(workspace):
    with running_production(workspace, listen=CONFIG) as site:
        yield site


@pytest.fixture(scope="module")
def bulky(house, pytestconfig):
    """Its owner, and it."""
    alice = house.person("alice")
    repository = house.repository(alice, "bulky")
    work = alice.publish(repository)
    for git in (work.git, repository.git):  # noise makes no deltas, however long git looks for them
        git("config", "core.compression", "0")
        git("config", "core.bigFileThreshold", "1m")
    for number in range(22 if pytestconfig.getoption("soak") else 1):
        work.commit(f"noise-{number}", os.urandom(PIECE))
        work.git("push", "--quiet")
    alice.work = work
    # What stays with the processes behind the first is theirs, not a session's.
    alice.start("git", "clone", "--quiet", "--bare", repository.url, "warm").finish(timeout=150)
    return alice, repository


def private_bytes(pid: int) -> int:
    """Memory that is a process's own."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_Dirty:"))


def kernel_bytes(*ports: int) -> int:
    """What the kernel holds for the servers' ends of connections with one of these ports: received and not read,
    written and not sent or not acknowledged."""
    lines = subprocess.run(["ss", "-tmnH", "state", "established"], capture_output=True, text=True, check=True).stdout
    held = 0
    for connection, memory in re.findall(r"^(\S.*)\n\s+(skmem:\S+)", lines, re.MULTILINE):
        here, there = (int(address.rpartition(":")[2]) for address in connection.split()[2:4])
        if here in ports or there == ports[-1]:
            received, written = re.search(r"skmem:\(r(\d+),.*,w(\d+),", memory).groups()
            held += int(received) + int(written)
    return held


@pytest.mark.timing
@pytest.mark.timeout(900)
def test_a_client_that_stops_reading_costs_little(house, bulky, pytestconfig):
    alice, repository = bulky
    (worker,) = house.gateway.workers()
    agent = house.files.process.pid
    before = {pid: private_bytes(pid) for pid in (worker, agent)}
    clone = alice.start("git", "clone", "--quiet", "--bare", repository.url, "stalled")
    packs = alice.home / "stalled/objects/pack"
    wait_until(lambda: packs.is_dir() and any(file.stat().st_size for file in packs.iterdir()), "it receives")
    (ssh,) = [pid for pid in descendants(clone.pid) if connections_to(pid, house.gateway.port)]
    os.kill(ssh, signal.SIGSTOP)
    lasts = 60 if pytestconfig.getoption("soak") else 4
    end = time.monotonic() + lasts
    most = {"worker": 0, "agent": 0, "kernel": 0}
    while time.monotonic() < end:
        time.sleep(0.25)
        held = {"worker": private_bytes(worker) - before[worker], "agent": private_bytes(agent) - before[agent],
                "kernel": kernel_bytes(house.gateway.port, house.files.address[1]) + (256 << 10)}
        most = {name: max(most[name], held[name]) for name in most}
    assert [pid for pid in session_members(agent) if pid != agent], "git is done: nothing was stalled"
    os.kill(ssh, signal.SIGCONT)
    clone.finish(timeout=150)
    print({name: f"{bytes >> 10} KiB" for name, bytes in most.items()})
    assert most["worker"] < MEMORY and most["agent"] < MEMORY, most
    assert (512 << 10) < most["kernel"] < KERNEL, most  # less, and it was not measured
    assert alice.at("stalled").rev("main") == repository.rev("main")
    alice.at("stalled").git("fsck", "--connectivity-only")
    assert not [pid for pid in session_members(agent) if pid != agent], "git has ended"
    assert resident_kib(worker) > 0


def received(repository) -> int:
    """Bytes of packs that are being received."""
    return sum(file.stat().st_size for quarantine in repository.quarantines()
               for file in Path(quarantine).glob("pack/tmp_pack_*"))


@pytest.mark.timeout(300)
def test_a_file_server_that_stops_reading_costs_little(house, bulky):
    """No more than the largest receive window twice: in libssh, and on its way through."""
    alice, _ = bulky
    (worker,) = house.gateway.workers()
    agent = house.files.process.pid
    copy = house.repository(alice, "copy")
    copy.git("config", "receive.unpackLimit", "1")  # a pack grows as it comes; a loose object is there in the end
    for number in range(2):  # a window that nothing bounds takes some time to grow
        alice.work.commit(f"more-{number}", os.urandom(PIECE))
    before = private_bytes(worker)
    push = alice.work.start("git", "push", "--quiet", copy.url, "main")
    wait_until(lambda: received(copy) > 2 * PIECE, "most of it is there", timeout=60)
    os.kill(agent, signal.SIGSTOP)
    try:
        time.sleep(2)
        held = private_bytes(worker) - before
    finally:
        os.kill(agent, signal.SIGCONT)
    push.finish(timeout=150)
    print(f"worker {held >> 10} KiB")
    if not sanitized():  # which keeps what was freed
        assert held < 2 * WINDOW + MEMORY, held
    assert copy.rev("main") == alice.work.rev("main")
